"""Which build of llama.cpp is the fastest, for which quantization, and are its letters the same?

    CMAKE_ARGS="-DGGML_BLAS=ON -DGGML_BLAS_VENDOR=OpenBLAS" pip install --target openblas \
        --no-deps --no-binary llama-cpp-python llama-cpp-python==0.3.36
    python scripts/bench_builds.py MODEL.gguf... --builds FOLDER,openblas [--rounds 3]

Each folder holds a `llama_cpp` of its own; the first one is what the others are compared with.
For each model all builds in turns, each in a process of its own, as many times as there are
rounds: the speed of a prompt of 512 tokens, as `llama-bench -p 512` measures. Prints medians, and
how many letters of the embedded questions are those of the first build, how far a letter's
log-probability moved at most, and, as a yardstick, how many letters of the first build flip of
themselves when the same questions stand in other batches.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from array import array
from pathlib import Path

import numpy as np

PROMPT_TOKENS = 512
TIMES = 3


def child(path: Path, budgets: list[int], n_questions: int) -> None:
    """One build's measurements of a model, as JSON."""
    from ggufeval.llama import capi
    from ggufeval.llama.decoder import Decoder, rows
    from ggufeval.llama.model import Model
    from ggufeval.runner import physical_cores
    from ggufeval.types import EngineSettings

    capi.start()
    settings = EngineSettings(1024, 512, 512, 3, physical_cores(), 0, "auto")
    prompt = rows(array("i", range(1000, 1000 + PROMPT_TOKENS)), start=0, sequence=0, n_wanted=1)
    seconds = []
    with Model(path) as model, Decoder(model, settings) as decoder:
        for _ in range(1 + TIMES):
            decoder.start_group(array("i"), again=True)
            before = decoder.decode_seconds
            for _ in decoder.decode(prompt):
                pass
            seconds.append(decoder.decode_seconds - before)
    found: dict[str, object] = {"speed": PROMPT_TOKENS / statistics.median(seconds[1:])}
    for budget in budgets:
        found[str(budget)] = letters(path, budget, n_questions)
    print(json.dumps(found))


def letters(path: Path, budget: int, n_questions: int) -> list[list[float]]:
    """Log-probabilities of the letters of the embedded questions, in order of their ids."""
    from ggufeval import answers, plan, prompts, runner, tasks
    from ggufeval.llama import capi, services
    from ggufeval.llama.model import Model
    from ggufeval.types import EngineSettings

    capi.start()
    questions = tasks.load("sample", None, limit=n_questions, shots=1)
    rendered = prompts.render("mmlu", questions.questions, questions.shots, None)
    with Model(path, vocab_only=True) as model:
        tokenized = model.tokenize_prompts(rendered)
    pairs = [(q.subject, p) for q, p in zip(questions.questions, tokenized, strict=True)]
    if budget == 512:
        pairs.reverse()
    the_plan = plan.make(pairs, budget=budget)
    settings = EngineSettings(
        plan.context_size(the_plan),
        budget,
        512,
        plan.sequences(the_plan),
        runner.physical_cores(),
        0,
        "auto",
    )
    form = answers.letter_form(" ", 4)
    batches = services.score(path, settings, [form], the_plan, frozenset(), frozenset())
    scores = [one for batch in batches for one in batch.values]
    scores.sort(key=lambda one: one.question_id)
    return [[logit - one.logsumexp for logit in one.logits] for one in scores]


def measure(path: Path, build: Path, budgets: list[int], n: int) -> dict[str, object]:
    places = [str(build.resolve()), *filter(None, os.environ.get("PYTHONPATH", "").split(":"))]
    places.append(str(Path(__file__).resolve().parents[1]))
    args = [sys.executable, __file__, str(path), "--questions", str(n), "--child"]
    args += map(str, budgets)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(args, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"{build.name}, {path.name}: {done.stderr.strip()[-500:]}")
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(path: Path, builds: list[Path], rounds: int, n_questions: int) -> None:
    speeds: dict[Path, list[float]] = {build: [] for build in builds}
    said: dict[Path, dict[str, object]] = {}
    for i in range(rounds):
        for build in builds[i % len(builds) :] + builds[: i % len(builds)]:
            budgets = [] if build in said else [2048, 512][: 1 + (build == builds[0])]
            found = measure(path, build, budgets, n_questions)
            speeds[build].append(float(str(found["speed"])))
            said.setdefault(build, found)
    first = np.array(said[builds[0]]["2048"])
    own = np.array(said[builds[0]]["512"])
    best = statistics.median(speeds[builds[0]])
    print(
        f"{path.name}: {len(first)} questions; in other batches {flips(first, own)} letters of "
        f"{builds[0].name} flip, log-probabilities move by up to {moved(first, own):.3f}"
    )
    for build in builds:
        theirs = np.array(said[build]["2048"])
        speed = statistics.median(speeds[build])
        print(
            f"  {build.name:14} {speed:6.0f} tokens/s {speed / best:5.2f}x  "
            f"{flips(first, theirs):3} letters flip, up to {moved(first, theirs):.3f}",
            flush=True,
        )


def flips(one: np.ndarray, other: np.ndarray) -> int:
    return int((one.argmax(axis=1) != other.argmax(axis=1)).sum())


def moved(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--builds", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", type=int, default=32, help="16 or a multiple of it")
    parser.add_argument("--child", type=int, nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        child(options.models[0], options.child, options.questions)
        return
    builds = [Path(folder) for folder in options.builds.split(",")]
    for path in options.models:
        compare(path, builds, options.rounds, options.questions)


if __name__ == "__main__":
    main()
