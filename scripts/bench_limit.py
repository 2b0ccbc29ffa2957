"""How near is a run to the engine's own speed?

    python scripts/bench_limit.py MODEL.gguf --data FOLDER [--per-subject 5] [--prompt mmlu]

Prints two things. First, unique tokens per second of the scorer against llama.cpp's own prompt
speed: 512 tokens of one sequence at the same depth of the KV cache, as `llama-bench -p 512 -d N`
measures, in turns with each subject in one process. Second, how much of the wall time of a whole
run (process start, tokenizing and storing included) is spent outside llama_decode.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ggufeval import answers, plan, prompts, runner, tasks
from ggufeval.catalog.files import file_sha256
from ggufeval.llama import capi
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.decoder import rows
from ggufeval.llama.grammar import admissible
from ggufeval.llama.model import Model
from ggufeval.llama.scorer import Scorer
from ggufeval.llama.services import BatchOf
from ggufeval.store import Store
from ggufeval.types import EngineSettings, Group, LetterScores, QuestionSet

PROMPT_TOKENS = 512


def engine_seconds(scorer: Scorer, depth: int) -> float:
    """Seconds of llama_decode for 512 tokens of one sequence, `depth` tokens deep."""
    scorer.start_group(array("i", [100] * depth), again=True)
    prompt = array("i", range(1000, 1000 + PROMPT_TOKENS))
    wanted = rows(prompt, start=depth, sequence=0, n_wanted=1)
    before = scorer.decode_seconds
    for _ in scorer.decode(wanted):
        pass
    scorer._prefix = None  # noqa: SLF001
    return scorer.decode_seconds - before


def scorer_seconds(scorer: Scorer, group: Group) -> float:
    scorer._prefix = None  # noqa: SLF001
    started = time.perf_counter()
    for batch in group.batches:
        scorer.score(group.prefix_tokens, batch)
    return time.perf_counter() - started


def limit(path: Path, questions: QuestionSet, prompt: str) -> None:
    capi.start()
    with Model(path) as model:
        rendered = prompts.render(prompt, questions.questions, questions.shots, model.chat_template)
        tokenized = model.tokenize_prompts(rendered)
        subjects = [question.subject for question in questions.questions]
        the_plan = plan.make(
            list(zip(subjects, tokenized, strict=True)), budget=2048, share_stems=True
        )
        form = answers.letter_form(prompts.style(prompt).answer_prefix, 4)
        settings = EngineSettings(
            n_ctx=plan.context_size(the_plan) + PROMPT_TOKENS,
            n_batch=2048,
            n_ubatch=512,
            n_seq_max=plan.sequences(the_plan),
            n_threads=runner.physical_cores(),
            n_gpu_layers=0,
            flash_attn="auto",
        )
        with Scorer(model, settings, {4: admissible(model, form)}) as scorer:
            engine_seconds(scorer, 0)  # warm
            expected = actual = 0.0
            ratios = []
            for subject, group in zip(dict.fromkeys(subjects), the_plan.groups, strict=True):
                depth = len(group.prefix_tokens)
                suffixes = sum(batch.n_tokens for batch in group.batches)
                shallow, deep = engine_seconds(scorer, 0), engine_seconds(scorer, depth)
                ours = scorer_seconds(scorer, group)
                deep = statistics.mean((deep, engine_seconds(scorer, depth)))
                bound = (depth * shallow + suffixes * deep) / PROMPT_TOKENS
                expected, actual = expected + bound, actual + ours
                ratios.append(bound / ours)
                print(
                    f"{subject:40} {depth:5} shared {suffixes:6} own tokens  engine "
                    f"{PROMPT_TOKENS / deep:6.0f}/s  ratio {bound / ours:.3f}",
                    flush=True,
                )
    print(
        f"unique tokens {the_plan.n_tokens}, {the_plan.n_tokens / actual:.0f}/s; engine's own "
        f"speed at these depths {the_plan.n_tokens / expected:.0f}/s\n"
        f"ratio over all {expected / actual:.3f}, median subject {statistics.median(ratios):.3f}, "
        f"lowest {min(ratios):.3f}"
    )


class _Timed(ModelProcess):
    decode_seconds = 0.0

    def score(self, *args: Any, **kwargs: Any) -> Iterator[BatchOf[LetterScores]]:
        for batch in super().score(*args, **kwargs):
            _Timed.decode_seconds += batch.decode_seconds
            yield batch


def host_share(path: Path, questions: QuestionSet, prompt: str) -> None:
    vars(runner)["ModelProcess"] = _Timed
    model = runner.ModelFiles((path,), file_sha256(path))
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "db.sqlite") as store:
        started = time.perf_counter()
        run = runner.evaluate(model, questions, store, runner.Options(prompt=prompt))
        wall = time.perf_counter() - started
    print(
        f"a whole run: {run.n_done} questions, {run.n_tokens} tokens, {wall:.1f} s wall, "
        f"{_Timed.decode_seconds:.1f} s in llama_decode: {1 - _Timed.decode_seconds / wall:.2%} "
        f"outside it; peak {run.peak_rss_bytes / 1e6:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--per-subject", type=int, default=5)
    parser.add_argument("--prompt", default="mmlu")
    options = parser.parse_args()
    questions = tasks.load("mmlu", options.data, limit=57 * options.per_subject)
    limit(options.model, questions, options.prompt)
    host_share(options.model, questions, options.prompt)


if __name__ == "__main__":
    main()
