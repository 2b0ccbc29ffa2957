"""How near is a run to the engine's own speed?

    python scripts/bench_limit.py MODEL.gguf [--data MMLU] [--limit 285] [--prompt mmlu,meta]
        [--no-repack]

A whole run over MMLU, or without it over the embedded questions, from its first step to its last
record: rendering, tokenizing, the plan, llama.cpp, the database; all but loading the model. In
turns with it, in the same process and in the same context, llama.cpp's own prompt speed, after
each subject: a prompt as long as its shots, and 512 tokens of one sequence behind it, as
`llama-bench -p 512 -d N` measures. Prints unique tokens per second of both and their ratio, by
subject and over all.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from ggufeval import job, runner, tasks
from ggufeval.catalog.files import file_sha256
from ggufeval.llama import capi, scorer, services
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.decoder import rows
from ggufeval.readers import Answered
from ggufeval.store import Store
from ggufeval.types import QuestionSet

PROMPT_TOKENS = 512


class _Here(ModelProcess):
    """What the model's process does, in this one, so that it stands still in between."""

    score = staticmethod(services.score)  # type: ignore[assignment]


class _Engine(scorer.Scorer):
    """The run's own context, for llama.cpp alone in between."""

    last: ClassVar[_Engine]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        _Engine.last = self

    def seconds(self, depth: int) -> tuple[float, float]:
        """Of `depth` tokens, and of 512 more behind them."""
        before = self.decode_seconds
        self.start_group(array("i", [100] * depth), again=True)
        at_depth = self.decode_seconds
        prompt = array("i", range(1000, 1000 + PROMPT_TOKENS))
        for _ in self.decode(rows(prompt, start=depth, sequence=0, n_wanted=1)):
            pass
        self._prefix = None  # what the run had there is gone
        return at_depth - before, self.decode_seconds - at_depth


def limit(path: Path, questions: QuestionSet, options: runner.Options, folder: Path) -> float:
    """Measure, print, and return the ratio over all."""
    model = runner.ModelFiles((path,), file_sha256(path))
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(folder / f"{options.prompt}.sqlite"))
        started = time.perf_counter()
        process = stack.enter_context(_Here())
        ready = job.prepare(process, model, questions, options)
        run_id = store.begin(
            runner._new_run(ready, ""),  # noqa: SLF001
            questions.questions,
            ready.prompts,
        )
        prepared = total = time.perf_counter() - started
        settings = ready.work.settings
        deepest = max(len(group.prefix_tokens) for group in ready.work.plan.groups)
        n_ctx = max(settings.n_ctx, deepest + PROMPT_TOKENS)
        ready = replace(ready, work=replace(ready.work, settings=replace(settings, n_ctx=n_ctx)))
        scorer.Scorer = _Engine  # type: ignore[assignment,misc]
        answers = ready.reader.answers(process, path, ready.work)
        bound, ratios = 0.0, []
        subjects = iter(dict.fromkeys(question.subject for question, _ in ready.asked))
        for group in ready.work.plan.groups:
            depth = len(group.prefix_tokens)
            seconds = sum(_stored(store, run_id, ready, answers) for _ in group.batches)
            prefix_seconds, own_seconds = _Engine.last.seconds(depth)
            total += seconds
            n_own = sum(batch.n_tokens for batch in group.batches)
            expected = prefix_seconds + n_own * own_seconds / PROMPT_TOKENS
            bound += expected
            ratios.append(expected / seconds)
            print(
                f"{next(subjects)[:36]:36} {depth:5} shared {n_own:6} own  engine "
                f"{PROMPT_TOKENS / own_seconds:6.0f}/s  {ratios[-1]:.3f}",
                flush=True,
            )
    n_tokens = ready.work.plan.n_tokens
    print(
        f"{path.name}, {options.prompt}: {len(questions.questions)} questions, {n_tokens} "
        f"unique tokens in {total:.1f} s, {prepared:.1f} of them before the first batch\n"
        f"run {n_tokens / total:.0f} tokens/s, engine {n_tokens / bound:.0f}; ratio "
        f"{bound / total:.3f}, median subject {statistics.median(ratios):.3f}, lowest "
        f"{min(ratios):.3f}",
        flush=True,
    )
    return bound / total


def _stored(store: Store, run_id: str, ready: job.Job, answers: Iterator[Answered]) -> float:
    """Answer one more batch, store it, and return the seconds that took, the loading apart."""
    started = time.perf_counter()
    batch = next(answers)
    answered = time.perf_counter()
    store.add_batch(
        run_id,
        batch.position,
        ready.links[batch.position],
        [replace(record, run_id=run_id) for record in batch.records],
        n_tokens=batch.n_tokens,
        seconds=batch.seconds,
        peak_rss_bytes=batch.peak_rss_bytes,
    )
    stored = time.perf_counter() - answered
    return stored + (answered - started if batch.position else batch.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--prompt", default="mmlu", help="one or more, with commas between")
    parser.add_argument("--subjects", default="")
    parser.add_argument("--no-repack", action="store_true")
    options = parser.parse_args()
    subjects = tuple(filter(None, options.subjects.split(",")))
    task = "mmlu" if options.data else "sample"
    questions = tasks.load(task, options.data, subjects=subjects, limit=options.limit)
    capi.start()
    with tempfile.TemporaryDirectory() as folder:
        for prompt in options.prompt.split(","):
            how = runner.Options(prompt=prompt, repack=not options.no_repack)
            limit(options.model, questions, how, Path(folder))


if __name__ == "__main__":
    main()
