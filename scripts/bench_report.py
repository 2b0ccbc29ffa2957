"""How large is a page, how long does it take to draw, and to be of use in a browser?

    python scripts/bench_report.py --data FOLDER [--levels 9] [--keep page.html]

A study that no model made: MMLU's questions with their prompts, and for each level answers that
move away from the reference's as the bits get fewer. With --db it is a real one instead:

    python scripts/bench_report.py --db results/ggufeval.sqlite [RUN ...]

Chromium is that of the system. Times are medians over so many turns.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from ggufeval import api, prompts, stats, tasks
from ggufeval.report import html
from ggufeval.types import (
    BuildInfo,
    Comparison,
    Design,
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Prompts,
    QuestionSet,
    Record,
    Run,
    RunResult,
    RunStatus,
)

LEVELS = (
    ("F16", 16.0, 0.0), ("Q8_0", 8.5, 0.03), ("Q6_K", 6.6, 0.06), ("Q5_K_M", 5.7, 0.1),
    ("Q5_0", 5.5, 0.13), ("Q4_K_M", 4.9, 0.2), ("Q4_0", 4.6, 0.3), ("Q3_K_M", 3.9, 0.5),
    ("Q2_K", 3.2, 1.0),
)  # fmt: skip
"""Level, bits per weight, and how far its logits stray: a standard deviation, in nats."""
ENGINE = EngineSettings(4096, 2048, 512, 16, 2, 0, "auto")
BUILD = BuildInfo("0.3.36", "", "none", "CPU", ("CPU",))
N_PARAMS = 1_235_814_432


def sent(questions: QuestionSet) -> Prompts:
    rendered = prompts.render("mmlu", questions.questions, questions.shots, None)
    return Prompts.of(
        (question.subject, (question.id, 0), prompt.text)
        for question, prompt in zip(questions.questions, rendered, strict=True)
    )


def study(questions: QuestionSet, levels: int) -> tuple[Comparison, list[RunResult]]:
    results = answered(questions, levels)
    return stats.compare(results[0], results[1:], by="category"), results


def answered(questions: QuestionSet, levels: int) -> list[RunResult]:
    known = random.Random(1)
    logits = [
        [known.gauss(1.3 if i == question.answer else 0.0, 1.0) for i in range(4)]
        for question in questions.questions
    ]
    kept = sent(questions)
    results = []
    for place, (name, bits, strays) in enumerate(LEVELS[:levels]):
        noise = random.Random(1000 + place)
        records = tuple(
            record(question.id, question.answer, [x + noise.gauss(0, strays) for x in found])
            for question, found in zip(questions.questions, logits, strict=True)
        )
        results.append(
            RunResult(run(name, bits, questions), questions.questions, records, (), kept)
        )
    return results


def record(question_id: str, gold: int, exact: list[float]) -> Record:
    logits = [float(np.float32(x)) for x in exact]  # as llama.cpp has them
    letter = max(range(4), key=logits.__getitem__)
    best, second, *_ = sorted(logits, reverse=True)
    whole = math.log(sum(map(math.exp, logits))) + 0.02
    return Record(
        "", question_id, 0, letter, letter == gold, tuple(logits), whole, math.exp(-0.02),
        best - second, 1, best, 700,
    )  # fmt: skip


def run(name: str, bits: float, questions: QuestionSet) -> Run:
    size = int(bits * N_PARAMS / 8)
    model = ModelInfo(
        f"Synthetic-1B {name}", f"{name}.gguf", name, size, "llama", N_PARAMS, name,
        {name: N_PARAMS}, bits, 1.0,
    )  # fmt: skip
    conditions = Fingerprint(name, "p", "q", "mmlu", 5, "letter", "g", ENGINE, BUILD)
    n = len(questions.questions)
    return Run(
        name, model, conditions, "mmlu", "synthetic", Design.FULL, questions.population, n, 1,
        RunStatus.DONE, "", n, n * 130, n / (4 - bits / 8), 2 * size, "scripts/bench_report.py",
    )  # fmt: skip


def interactive(path: Path, turns: int) -> list[float]:
    """Seconds from asking for the page until its charts are drawn and its questions listed."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for _ in range(turns):
            page = browser.new_page()
            started = time.perf_counter()
            page.goto(path.resolve().as_uri())
            page.wait_for_selector("body[data-ready=yes]", timeout=120_000)
            found.append(time.perf_counter() - started)
            page.close()
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--data", type=Path, help="a folder of MMLU; without it, the hub's")
    parser.add_argument("--db", type=Path, help="a real study instead")
    parser.add_argument("--levels", type=int, default=len(LEVELS))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="keep the page there")
    options = parser.parse_args()
    if options.db:
        found = api.compare(options.db, options.runs)
        comparison, results = found.pictured, list(found.results)
    else:
        comparison, results = study(tasks.load("mmlu", options.data), options.levels)
    drawing = []
    for _ in range(options.turns):
        started = time.perf_counter()
        text = html.render(comparison, results)
        drawing.append(time.perf_counter() - started)
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / "page.html"
        path.write_text(text, encoding="utf-8")
        ready = interactive(path, options.turns)
    print(f"{len(results)} levels, {comparison.n_questions:,} questions")
    print(f"size: {len(text.encode()) / 1e6:.2f} MB")
    print(f"drawn in {statistics.median(drawing):.1f} s (the first time {drawing[0]:.1f} s)")
    print(f"of use in Chromium after {statistics.median(ready):.1f} s (at most {max(ready):.1f} s)")


if __name__ == "__main__":
    main()
