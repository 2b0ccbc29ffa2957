"""What does the bundle of a study weigh, and how long does it take to write and to verify?

    python scripts/bench_bundle.py --data FOLDER [--levels 4,9] [--keep FOLDER]

The study of bench_report.py, which no model made, in a database of its own: MMLU's questions with
their prompts and solved examples, and an answer of each level to each of them, in batches of 20.
Seconds are those that one core worked, of one turn; the first study's have the imports in them.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench_report import LEVELS, answered

from ggufeval import tasks
from ggufeval.bundle.verifying import verify
from ggufeval.bundle.writing import write
from ggufeval.store import Store
from ggufeval.types import QuestionSet, Run, RunResult

BATCH = 20
"""Questions. MMLU's have some 100 tokens each beside their subject's shots, a batch 2,048."""


def stored(path: Path, questions: QuestionSet, results: Sequence[RunResult]) -> None:
    """One finished sweep of them."""
    chain = [_sha256(f"batch {i}") for i in range(-(-len(questions.questions) // BATCH))]
    with Store.open(path) as store:
        number = store.begin_sweep()
        for result in results:
            run = _run(result.run, questions, chain)
            sent = result.prompts and replace(result.prompts, shots=questions.shots)
            run_id = store.begin(run, questions.questions, sent)
            for i, link in enumerate(chain):
                records = result.records[i * BATCH : (i + 1) * BATCH]
                store.add_batch(run_id, i, link, records, n_tokens=2048, seconds=4.0)
            store.finish(run_id)
            store.add_to_sweep(number, run_id)


def _run(run: Run, questions: QuestionSet, chain: Sequence[str]) -> Run:
    """With hashes that are what they must be in a bundle."""
    model = replace(run.model, sha256=_sha256(run.model.label))
    conditions = replace(
        run.fingerprint,
        model_sha256=model.sha256,
        plan_hash=chain[-1],
        questions_sha256=questions.sha256,
    )
    return replace(run, model=model, fingerprint=conditions, n_batches=len(chain))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def measure(folder: Path, questions: QuestionSet, levels: int) -> str:
    """A row of the table."""
    database, path = folder / f"{levels}.sqlite", folder / f"{levels}.ggb"
    database.unlink(missing_ok=True)
    stored(database, questions, answered(questions, levels))
    started = time.process_time()
    with Store.open(database, read_only=True) as store:
        write(store, store.latest(), path, with_text=None)
    written = time.process_time()
    found = verify(path)
    verified = time.process_time()
    with zipfile.ZipFile(path) as archive:
        sizes = [info.file_size for info in archive.infolist()]
        commas = max(
            archive.read(info).count(b",")
            for info in archive.infolist()
            if info.filename.endswith((".json", ".jsonl"))
        )
    n = sum(run.n for run in found.runs)
    return (
        f"| {levels} | {n:,} | {path.stat().st_size / 1e6:.1f} MB | {written - started:.1f} s "
        f"| {verified - written:.1f} s | {len(sizes)} | {sum(sizes) / 1e6:.0f} MB "
        f"| {max(sizes) / 1e6:.1f} MB | {commas:,} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of MMLU; without it, the hub's")
    parser.add_argument("--levels", default=f"4,{len(LEVELS)}", help="of one study each")
    parser.add_argument("--keep", type=Path, help="keep databases and bundles there")
    options = parser.parse_args()
    questions = tasks.load("mmlu", options.data)
    print(
        "| levels | answers | bundle | written in | verified in | files inside | unpacked ", end=""
    )
    print("| largest | most values |")
    print(f"|{'---:|' * 9}")
    with tempfile.TemporaryDirectory() as folder:
        for levels in map(int, options.levels.split(",")):
            print(measure(options.keep or Path(folder), questions, levels), flush=True)


if __name__ == "__main__":
    main()
