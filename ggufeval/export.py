"""Records as a table for other programs: JSON lines, CSV or Parquet. One row a record."""

from __future__ import annotations

import csv
import json
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ggufeval.errors import UsageError
from ggufeval.types import LETTERS, Question, Record, RunResult

if TYPE_CHECKING:
    import pandas as pd

Row: TypeAlias = dict[str, object]

_FORMULA = ("=", "+", "-", "@")
"""A spreadsheet runs a cell that begins so; questions come from anywhere."""


def export(results: Iterable[RunResult], path: Path, fmt: str | None = None) -> int:
    """Write one row a record; returns how many. The file appears whole or not at all.

    `fmt` is `jsonl`, `csv` or `parquet`; without it, the suffix of `path` tells. A number that is
    not finite is null in JSON lines; one that is not defined (NaN) is empty in CSV. Raises
    UsageError where there is nothing to write, the format is unknown, or the file cannot be
    written.
    """
    write = _writer(path, fmt)
    rows = [row for result in results for row in _rows(result)]
    if not rows:
        raise UsageError("These runs have no records yet: there is nothing to export.")
    target = path.resolve()  # of a link, what it points to
    if target.exists() and not target.is_file():
        raise UsageError(f"{path}: a file to write was expected; this is something else.")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
            whole = Path(folder) / target.name
            write(whole, rows)
            whole.replace(target)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror or error}. Name another file."
        ) from error
    return len(rows)


def _writer(path: Path, fmt: str | None) -> Callable[[Path, Sequence[Row]], None]:
    writers = {"jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet}
    name = fmt or path.suffix.removeprefix(".").lower()
    if name not in writers:
        raise UsageError(
            f"{path}: the format {name!r} is unknown. End the name in .jsonl, .csv or .parquet, "
            "or give --format."
        )
    return writers[name]


def _rows(result: RunResult) -> Iterator[Row]:
    questions = {question.id: question for question in result.questions}
    model = result.run.model
    of_run: Row = {
        "run_id": result.run.id,
        "model": model.label,
        "quantization": model.quantization,
        "bits_per_weight": model.bits_per_weight,
    }
    for record in result.records:
        row = of_run | _row(questions[record.question_id], record)
        if result.run.fingerprint.read == "cloze":
            row |= _of_texts(record)
        yield row


def _of_texts(record: Record) -> Row:
    """The choice whose text is likeliest as a whole; `answer` is the likeliest one per byte."""
    values = record.letter_logits
    return {"answer_summed": LETTERS[max(range(len(values)), key=values.__getitem__)]}


def _row(question: Question, record: Record) -> Row:
    row: Row = {
        "question_id": question.id,
        "subject": question.subject,
        "stem": question.stem,
        "choices": list(question.choices),
        "rotation": record.rotation,
        "gold": LETTERS[question.answer],
        "answer": None if record.letter is None else LETTERS[record.letter],
        "correct": record.correct,
        "letter_mass": record.letter_mass,
        "margin": record.margin,
        "n_tokens": record.n_tokens,
        "text": record.text,
        "parse_error": record.parse_error,
        "partial": record.partial,
    }
    # Texts have no logits, and questions may have fewer letters than others.
    row |= {f"logit_{LETTERS[i]}": logit for i, logit in enumerate(record.letter_logits)}
    row |= {f"logprob_{LETTERS[i]}": value for i, value in enumerate(record.letter_logprobs)}
    return row


def _columns(rows: Iterable[Row]) -> list[str]:
    """Of all rows, the letters' last and in order."""
    seen = dict.fromkeys(column for row in rows for column in row)
    fixed = [column for column in seen if not column.startswith(("logit_", "logprob_"))]
    return fixed + sorted(column for column in seen if column not in fixed)


def _write_jsonl(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            finite = {name: _finite(value) for name, value in row.items()}
            file.write(json.dumps(finite, ensure_ascii=False, allow_nan=False) + "\n")


def _finite(value: object) -> object:
    """JSON has no infinities and no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _columns(rows))
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _cell(value) for name, value in row.items()})


def _cell(value: object) -> object:
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, list):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and (
        value.lstrip().startswith(_FORMULA) or value.startswith(("\t", "\r"))
    ):
        return f"'{value}"
    return value


def frame(results: Iterable[RunResult]) -> pd.DataFrame:
    """The same rows as a table for pandas; without any, a table without columns."""
    return _frame([row for result in results for row in _rows(result)])


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    _frame(rows).to_parquet(path, index=False)


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows)[_columns(rows)]
    # Columns where all is missing would otherwise be of no type.
    texts = [name for name in ("answer", "answer_summed", "text", "parse_error") if name in table]
    return table.astype(dict.fromkeys(texts, "string"))
