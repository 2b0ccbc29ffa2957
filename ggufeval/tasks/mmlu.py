"""MMLU: 14,042 questions of 57 subjects, and 5 dev questions of each for the shots."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from ggufeval.errors import DataError, UsageError
from ggufeval.tasks import hub, layout, rows, tables
from ggufeval.tasks.source import Source, Task
from ggufeval.types import Question

N_TEST = 14_042
N_DEV = 285
N_SUBJECTS = 57

BySubject = Mapping[str, tuple[Question, ...]]


def load(data: Path | None, *, offline: bool) -> Source:
    if data is None:
        files = hub.parquet_files(offline=offline)
        tests = _parquet([files["test"]], "test")
        return _source(hub.SOURCE, tests, _parquet([files["dev"]], "dev"))
    if not data.is_dir():
        raise UsageError(
            f"--task mmlu reads a folder, found the file {data}. "
            "Leave out --task to have your own questions."
        )
    return _from_folder(data)


def _from_folder(folder: Path) -> Source:
    for place in (folder, folder / "all"):
        if shards := _shards(place, "test"):
            tests = _parquet(shards, "test")
            return _source(str(folder), tests, _parquet(_shards(place, "dev"), "dev"))
    if (folder / "test").is_dir():
        dev = layout.read(folder, "mmlu", "dev") if (folder / "dev").is_dir() else {}
        return _source(str(folder), layout.read(folder, "mmlu", "test"), dev)
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
    raise DataError(
        f"{folder} is not MMLU: expected all/test-00000-of-00001.parquet as in {hub.REPO}, or "
        f"test/<subject>_test.csv as in the original, found {found}."
    )


def _shards(folder: Path, split: str) -> list[Path]:
    """The parquet files of a split, in order. Raises DataError where one of them is missing."""
    name = re.compile(rf"{split}-\d+-of-(\d+)\.parquet")
    files = sorted(file for file in folder.glob("*.parquet") if name.fullmatch(file.name))
    numbers = {int(name.sub(r"\1", file.name)) for file in files}
    if files and numbers != {len(files)}:
        raise DataError(
            f"{folder}: expected all parts of the split {split}, found {len(files)} "
            f"({files[0].name}, ...). Download it again."
        )
    return files


def _parquet(files: Iterable[Path], split: str) -> BySubject:
    """Subject -> its questions. Ids are the same as those of the original layout."""
    questions: defaultdict[str, list[Question]] = defaultdict(list)
    for row in (row for file in files for row in tables.parquet_rows(file)):
        subject = rows.text(row, row.fields.get("subject"), "subject")
        identifier = f"mmlu/{split}/{subject}/{len(questions[subject])}"
        questions[subject].append(rows.question(row, identifier, subject))
    return {subject: tuple(group) for subject, group in questions.items()}


def _source(text: str, tests: BySubject, dev: BySubject) -> Source:
    questions = tuple(question for subject in tests.values() for question in subject)
    if not questions:
        raise DataError(f"{text} holds no test questions. Download MMLU again.")
    return Source("mmlu", text, questions, dev, _notes(text, tests, dev))


def _notes(text: str, tests: BySubject, dev: BySubject) -> tuple[str, ...]:
    """What differs from the data set as published."""
    counts = (
        ("test questions", N_TEST, sum(map(len, tests.values()))),
        ("dev questions", N_DEV, sum(map(len, dev.values()))),
        ("subjects", N_SUBJECTS, len(tests)),
    )
    return deviations(text, counts)


def deviations(text: str, counts: Iterable[tuple[str, int, int]]) -> tuple[str, ...]:
    """A sentence for each count (what, as published, as found) that is another."""
    return tuple(
        f"MMLU has {expected:,} {what}, {text} has {found:,}."
        for what, expected, found in counts
        if found != expected
    )


TASK = Task("mmlu", "MMLU, 14,042 questions of 57 subjects, from the hub or --data", load)
