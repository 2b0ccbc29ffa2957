"""Tables as they lie on disk, CSV, JSON lines or parquet, and the place of each row for errors."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from ggufeval.errors import DataError


@dataclass(frozen=True, slots=True)
class Row:
    place: str
    """`questions.csv, line 7`: where to look when something is wrong with it."""
    fields: Mapping[str, object]


def read(file: Traversable) -> str:
    """UTF-8, with or without a byte-order mark. Raises DataError with the line of a bad byte."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise DataError(
            f"{file}, line {line}: expected UTF-8 text, found the byte 0x{byte:02x}. "
            "Save the file as UTF-8."
        ) from None


def csv_records(text: str, name: str, *, strict: bool) -> Iterator[tuple[str, list[str]]]:
    """Records with the place of their first line, empty lines left out.

    `strict` refuses stray quotes, among them the one that is never closed.
    """
    # newline="" keeps the line breaks inside a quoted field as they are.
    reader = csv.reader(io.StringIO(text, newline=""), strict=strict)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield f"{name}, line {line}", fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{name}, line {line}: malformed CSV ({error}). "
            "Check the quotes of the record that starts there."
        ) from None


def csv_rows(path: Path) -> Iterator[Row]:
    """Rows of a CSV file whose first record names the columns."""
    records = csv_records(read(path), str(path), strict=True)
    place, columns = next(records, (f"{path}, line 1", []))
    repeated = [name for name in columns if columns.count(name) > 1]
    if repeated:
        raise DataError(f"{place}: the column {repeated[0]!r} is there twice. Rename one of them.")
    for place, fields in records:
        if len(fields) != len(columns):
            raise DataError(
                f"{place}: expected {len(columns)} fields as in the header, found {len(fields)}. "
                "Put fields that contain commas or line breaks into double quotes."
            )
        yield Row(place, dict(zip(columns, fields, strict=True)))


def jsonl_rows(path: Path) -> Iterator[Row]:
    """Rows of a file with one JSON object a line, empty lines left out."""
    # Not splitlines(): it also breaks at U+2028 and others that JSON allows inside a string.
    for number, line in enumerate(read(path).split("\n"), start=1):
        place = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = _reason(error)
            raise DataError(
                f"{place}: expected one JSON object a line, found something else ({reason}). "
                "Write each question on a line of its own."
            ) from None
        if not isinstance(fields, dict):
            found = type(fields).__name__
            raise DataError(
                f"{place}: expected one JSON object a line, found a {found}. "
                "Write each question as an object on a line of its own."
            )
        yield Row(place, fields)


def parquet_rows(path: Path) -> Iterator[Row]:
    """Rows of a parquet file, counted from 0."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # ParquetFile, not read_table: that makes columns of folders that are named `key=value`.
        with pq.ParquetFile(path) as file:
            rows = file.read().to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _not_read(path, "a parquet file", error, "Download or write it again.") from error
    for number, fields in enumerate(rows):
        yield Row(f"{path}, row {number}", fields)


def arrow_rows(path: Path) -> Iterator[Row]:
    """Rows of a stream of Arrow, as `datasets` saves it, counted from 0."""
    import pyarrow as pa

    try:
        with path.open("rb") as file, pa.ipc.open_stream(file) as stream:
            rows = stream.read_all().to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _not_read(path, "a stream of Arrow", error, "Download it again.") from error
    for number, fields in enumerate(rows):
        yield Row(f"{path}, row {number}", fields)


def _not_read(path: Path, what: str, error: Exception, advice: str) -> DataError:
    reason = str(error).split("\n")[0].rstrip(".")
    return DataError(f"{path}: expected {what}, found something else ({reason}). {advice}")


def _reason(error: Exception) -> str:
    # Its own text says `line 1`, which is no line of the file.
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return str(error)
