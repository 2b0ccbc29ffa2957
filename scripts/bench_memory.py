"""Is the memory of a run what was planned?

    python scripts/bench_memory.py MODEL.gguf... --data FOLDER [--batches 2048/512,512/128]
        [--prompts mmlu,chat] [--subjects anatomy,professional_law] [--limit 8] [--tokenize]

Runs every model under every -b/-ub and prompt style, and prints a Markdown table: what was planned
before the weights were loaded, the greatest resident set that the model's process had, and their
ratio. `--tokenize` measures first what the prompts and the plan of all of MMLU cost, in this
process and in the model's.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from ggufeval import fit, runner, tasks
from ggufeval.catalog.files import file_sha256
from ggufeval.job import prepare
from ggufeval.llama import services
from ggufeval.llama.client import ModelProcess
from ggufeval.store import Store
from ggufeval.types import Memory, QuestionSet, Run

MB = 1e6


def tokenizing(path: Path, data: Path) -> None:
    """Print what all of MMLU's prompts cost both processes."""
    questions = tasks.load("mmlu", data)
    with ModelProcess() as process:
        process.machine()
        before = services.peak_rss(), process.peak_rss()
        prepare(process, runner.ModelFiles((path,), ""), questions, runner.Options())
        after = services.peak_rss(), process.peak_rss()
    print(
        f"\n{len(questions.questions):,} questions, their prompts and plan, in the tokens of "
        f"{path.name}:\n"
    )
    print("| process | peak before, MB | after, MB | more, MB |\n|---|---:|---:|---:|")
    for name, first, last in zip(("the program's", "the model's"), before, after, strict=True):
        print(f"| {name} | {first / MB:.0f} | {last / MB:.0f} | {(last - first) / MB:.0f} |")
    print(flush=True)


def measured(
    path: Path, questions: QuestionSet, options: runner.Options, store: Store
) -> tuple[Memory, Run]:
    """What was planned for a run, and the run."""
    model = runner.ModelFiles((path,), file_sha256(path))
    with ModelProcess() as process:
        job = prepare(process, model, questions, options)
        with ModelProcess() as planner:
            planned = fit.simulated(planner, job, job.work.settings, process.resident())
    return planned, runner.evaluate(model, questions, store, options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--batches", default="2048/512,512/128", help="-b/-ub, commas between")
    parser.add_argument("--prompts", default="mmlu,chat")
    parser.add_argument("--subjects", default="anatomy,professional_law")
    parser.add_argument("--limit", type=int, default=8)
    parser.add_argument("--tokenize", action="store_true")
    given = parser.parse_args()
    if given.tokenize:
        tokenizing(given.models[0], given.data)
    questions = tasks.load(
        "mmlu", given.data, subjects=given.subjects.split(","), limit=given.limit
    )
    ratios = []
    print(
        "| model | -b/-ub | prompt | weights | copied | cache | compute | process | planned, MB | "
        "peak, MB | ratio |\n|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "r.sqlite") as store:
        for path in given.models:
            for batch in given.batches.split(","):
                n_batch, n_ubatch = map(int, batch.split("/"))
                for prompt in given.prompts.split(","):
                    options = runner.Options(prompt=prompt, n_gpu_layers=0)
                    options = replace(options, n_batch=n_batch, n_ubatch=n_ubatch)
                    plan, run = measured(path, questions, options, store)
                    ratios.append(run.peak_rss_bytes / plan.peak)
                    parts = (plan.weights, plan.copied, plan.cache, plan.compute, plan.process)
                    cells = (*parts, plan.peak, run.peak_rss_bytes)
                    print(
                        f"| {run.model.label} | {batch} | {prompt} | "
                        + " | ".join(f"{n / MB:.0f}" for n in cells)
                        + f" | {ratios[-1]:.3f} |",
                        flush=True,
                    )
    print(f"\n{len(ratios)} runs, peak over plan from {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
