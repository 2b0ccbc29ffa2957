"""Records as one file: JSON lines, CSV or Parquet. One row a record."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ggufeval.errors import UsageError
from ggufeval.export.rows import Row, columns, record_rows
from ggufeval.types import RunResult
from ggufeval.whole import whole

if TYPE_CHECKING:
    import pandas as pd

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
    rows = [row for result in results for row in record_rows(result)]
    if not rows:
        raise UsageError("These runs have no records yet: there is nothing to export.")
    target = path.resolve()  # of a link, what it points to
    if target.exists() and not target.is_file():
        raise UsageError(f"{path}: a file to write was expected; this is something else.")
    try:
        with whole(target) as half:
            write(half, rows)
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
            "or in / for a folder that `datasets` loads, or give --format."
        )
    return writers[name]


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
        writer = csv.DictWriter(file, columns(rows))
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
    return _frame([row for result in results for row in record_rows(result)])


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    _frame(rows).to_parquet(path, index=False)


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows)[columns(rows)]
    # Columns where all is missing would otherwise be of no type.
    texts = [name for name in ("answer", "answer_summed", "text", "parse_error") if name in table]
    return table.astype(dict.fromkeys(texts, "string"))
