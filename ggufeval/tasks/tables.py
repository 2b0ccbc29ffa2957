"""Tables as they lie on disk, CSV, JSON lines or parquet, and the place of each row for errors."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from ggufeval import bounded
from ggufeval.errors import DataError

MOST_BYTES = 1 << 28
"""Of a text file, and of a table as it lies in memory: 256 MiB, thirty times MMLU."""
MOST_OF_A_LINE = 1 << 24
"""Characters of a JSON line, which may be fifty times as large in memory."""
_DECODING = 4 << 30
"""Bytes of memory for decoding a parquet file, whose pieces may be large too."""
_ROWS_AT_ONCE = 1024
_CELL_BYTES = 64
"""Of a value in Python; a parquet file may hold millions of them that are nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    place: str
    """`questions.csv, line 7`: where to look when something is wrong with it."""
    fields: Mapping[str, object]


def read(file: Traversable) -> str:
    """UTF-8, with or without a byte-order mark. Raises DataError with the line of a bad byte, and
    for more than MOST_BYTES."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise _too_large(file)
        return content.decode("utf-8-sig")
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
    repeated = next((name for name, n in Counter(columns).items() if n > 1), None)
    if repeated is not None:
        raise DataError(f"{place}: the column {repeated!r} is there twice. Rename one of them.")
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
        if len(line) > MOST_OF_A_LINE:
            raise DataError(
                f"{place}: expected one question a line, at most {MOST_OF_A_LINE:,} characters; "
                f"found {len(line):,}. Is it JSON lines?"
            )
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
    """Rows of a parquet file, counted from 0. A thousand times as much may be in it as it is long,
    so it is decoded in pieces, and given up where they grow beyond MOST_BYTES."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[dict[str, object]] = []
    size = 0
    try:
        # ParquetFile, not read_table: that makes columns of folders that are named `key=value`.
        with bounded.memory(_DECODING), pq.ParquetFile(path) as file:
            # Threads would map more memory than they use, and what is mapped is counted.
            for batch in file.iter_batches(_ROWS_AT_ONCE, use_threads=False):
                size += batch.nbytes + batch.num_rows * batch.num_columns * _CELL_BYTES
                if size > MOST_BYTES:
                    raise _too_large(path)
                rows += batch.to_pylist()
    except MemoryError:
        raise _too_large(path) from None
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


def _too_large(path: object) -> DataError:
    return DataError(
        f"{path}: expected at most {MOST_BYTES >> 20} MiB of questions, found more. Split the file."
    )


def _not_read(path: Path, what: str, error: Exception, advice: str) -> DataError:
    reason = str(error).split("\n")[0].rstrip(".")
    return DataError(f"{path}: expected {what}, found something else ({reason}). {advice}")


def _reason(error: Exception) -> str:
    # Its own text says `line 1`, which is no line of the file.
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return str(error)
