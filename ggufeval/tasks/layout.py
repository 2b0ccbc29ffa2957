"""MMLU's original layout: `test/<subject>_test.csv` and `dev/<subject>_dev.csv`.

No header; six columns: the question, four choices, the letter of the right one.
"""

from __future__ import annotations

from importlib.resources.abc import Traversable

from ggufeval.errors import DataError
from ggufeval.tasks import rows, tables
from ggufeval.types import Question

COLUMNS = ("question", "A", "B", "C", "D", "answer")


def read(folder: Traversable, task: str, split: str) -> dict[str, tuple[Question, ...]]:
    """Subject -> its questions, subjects in the alphabet's order, which is the data set's.

    Ids are `<task>/<split>/<subject>/<row>`, rows counted from 0. Raises DataError.
    """
    ending = f"_{split}.csv"
    names = [file.name for file in folder.joinpath(split).iterdir()]
    # A dot at the start: what macOS leaves beside each file that it copies.
    subjects = sorted(
        name.removesuffix(ending)
        for name in names
        if name.endswith(ending) and not name.startswith(".")
    )
    return {
        subject: _subject(folder.joinpath(split, subject + ending), f"{task}/{split}", subject)
        for subject in subjects
    }


def _subject(file: Traversable, prefix: str, subject: str) -> tuple[Question, ...]:
    # Not strict: the files were written by hand, and the hub's copy was read like this.
    text = tables.read(file)
    return tuple(
        _question(place, fields, f"{prefix}/{subject}/{row}", subject)
        for row, (place, fields) in enumerate(tables.csv_records(text, str(file), strict=False))
    )


def _question(place: str, fields: list[str], identifier: str, subject: str) -> Question:
    if len(fields) != len(COLUMNS):
        raise DataError(
            f"{place}: expected six fields (question, four choices, letter), found {len(fields)}. "
            "Check its commas and quotes."
        )
    row = tables.Row(place, dict(zip(COLUMNS, fields, strict=True)))
    return rows.question(row, identifier, subject)
