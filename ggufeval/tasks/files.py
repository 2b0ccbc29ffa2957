"""Questions of one's own: a .csv, .jsonl or .parquet file.

Columns: question; choices (a list) or A, B, ...; answer (a letter, or a number from 0); and, if
wanted, subject (else the file's name), id, and split (`test` or `dev`). Without any `dev` row the
shots come from `<stem>.dev.<ext>` beside the file, if there is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ggufeval.errors import DataError, UsageError
from ggufeval.tasks import rows, tables
from ggufeval.tasks.source import Source
from ggufeval.tasks.tables import Row
from ggufeval.types import Question

READERS = {
    ".csv": tables.csv_rows,
    ".jsonl": tables.jsonl_rows,
    ".parquet": tables.parquet_rows,
}

Splits = dict[str, dict[str, list[Question]]]
"""Split -> subject -> its questions, each in the order of the file."""


def table(path: Path, option: str) -> Iterator[Row]:
    """The rows of a file that `option` names. Raises UsageError for one that is no such file."""
    if not path.is_file():
        raise UsageError(f"{option} {path} does not exist: expected a .csv, .jsonl or .parquet.")
    if path.suffix.lower() not in READERS:
        raise UsageError(f"{option} reads .csv, .jsonl and .parquet files, found {path}.")
    return READERS[path.suffix.lower()](path)


def load(path: Path) -> Source:
    """Ids are `<stem>/<subject>/<row>`, rows counted from 0 within the subject, or the column id.

    Raises UsageError for another kind of file, DataError for what is wrong inside.
    """
    if path.suffix.lower() not in READERS:
        raise UsageError(
            f"--data reads .csv, .jsonl and .parquet files or a folder of MMLU, found {path}."
        )
    splits = _read(path, path.stem, ("test", "dev"))
    if not splits["test"]:
        raise DataError(
            f"{path} holds no questions: expected rows with question, choices and answer."
        )
    sibling = path.with_suffix(f".dev{path.suffix}")
    if not splits["dev"] and sibling.is_file():
        splits["dev"] = _read(sibling, path.stem, ("dev",))["dev"]
    questions = tuple(question for group in splits["test"].values() for question in group)
    shots = {subject: tuple(group) for subject, group in splits["dev"].items()}
    return Source(path.stem, str(path), questions, shots)


def _read(path: Path, stem: str, allowed: tuple[str, ...]) -> Splits:
    """`allowed` are the splits that rows may be of; those that do not say are of the first."""
    splits: Splits = {"test": defaultdict(list), "dev": defaultdict(list)}
    places: dict[str, str] = {}
    for row in READERS[path.suffix.lower()](path):
        split = _split(row, allowed)
        subject = rows.text(row, _or(row.fields.get("subject"), stem), "subject")
        group = splits[split][subject]
        prefix = stem if split == "test" else f"{stem}/dev"
        identifier = _identifier(row, f"{prefix}/{subject}/{len(group)}")
        if identifier in places:
            raise DataError(
                f"{row.place}: the id {identifier!r} is already that of {places[identifier]}. "
                "Give each question an id of its own."
            )
        places[identifier] = row.place
        group.append(rows.question(row, identifier, subject))
    return splits


def _split(row: Row, allowed: tuple[str, ...]) -> str:
    value = _or(row.fields.get("split"), allowed[0])
    if value not in allowed:
        raise DataError(
            f"{row.place}: expected {' or '.join(allowed)} in the column split, found {value!r}. "
            "Remove the rows of other splits."
        )
    return str(value)


def _or(value: object, default: str) -> object:
    return default if value is None or value == "" else value


def _identifier(row: Row, default: str) -> str:
    value = row.fields.get("id", default)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return rows.text(row, value, "id")
