"""What does it save to decode a text once that several questions are about?

    python scripts/bench_texts.py MODEL.gguf --data FOLDER [--questions 24]

Three of MMLU's subjects ask about texts of some hundred tokens. Their first questions in the plan's
order, with each text decoded once and with each question whole, in turns in one process, medians
of three.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

from ggufeval import answers, plan, prompts, runner, tasks
from ggufeval.job import _in_plan_order
from ggufeval.llama import capi
from ggufeval.llama.grammar import admissible
from ggufeval.llama.model import Model
from ggufeval.llama.scorer import Scorer
from ggufeval.types import LETTERS, EngineSettings, Plan, QuestionSet

SUBJECTS = (
    "high_school_world_history",
    "high_school_us_history",
    "high_school_european_history",
)
TURNS = 3


def run(scorer: Scorer, the_plan: Plan) -> str:
    """The letters, one after the other."""
    scorer._prefix = None  # noqa: SLF001 - the shots anew
    return "".join(
        LETTERS[max(range(len(one.logits)), key=one.logits.__getitem__)]
        for group in the_plan.groups
        for batch in group.batches
        for one in scorer.score(group.prefix_tokens, batch)
    )


def settings(the_plan: Plan) -> EngineSettings:
    return EngineSettings(
        n_ctx=plan.context_size(the_plan),
        n_batch=2048,
        n_ubatch=512,
        n_seq_max=plan.sequences(the_plan),
        n_threads=runner.physical_cores(),
        n_gpu_layers=0,
        flash_attn="auto",
    )


def compare(model: Model, questions: QuestionSet, n: int) -> None:
    chosen = list(_in_plan_order(questions))[:n]
    rendered = prompts.render("mmlu", chosen, questions.shots, model.chat_template)
    pairs = [("", tokens) for tokens in model.tokenize_prompts(rendered)]
    whole, once = (plan.make(pairs, budget=2048, share_stems=share) for share in (False, True))
    letters = {4: admissible(model, answers.letter_form(" ", 4))}
    with ExitStack() as stack:
        scorers = [
            (each, stack.enter_context(Scorer(model, settings(each), letters)))
            for each in (whole, once)
        ]
        seconds: list[list[float]] = [[], []]
        found = ["", ""]
        for _ in range(TURNS):
            for i, (each, scorer) in enumerate(scorers):
                started = time.perf_counter()
                found[i] = run(scorer, each)
                seconds[i].append(time.perf_counter() - started)
    slow, fast = map(statistics.median, seconds)
    same = sum(a == b for a, b in zip(*found, strict=True))
    print(
        f"{chosen[0].subject:30} {len(chosen)} questions: {whole.n_tokens:,} tokens, "
        f"{once.n_tokens:,} with texts once; {slow:.1f} s, {fast:.1f} s: "
        f"{slow / fast:.2f}x as fast; letters agree: {same}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, help="a folder of MMLU; without it, the hub's")
    parser.add_argument("--questions", type=int, default=24)
    options = parser.parse_args()
    capi.start()
    with Model(options.model) as model:
        for subject in SUBJECTS:
            questions = tasks.load("mmlu", options.data, subjects=[subject])
            compare(model, questions, options.questions)


if __name__ == "__main__":
    main()
