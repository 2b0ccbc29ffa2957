"""Inspect's `.eval` logs: zip files of JSON, whose members are deflated or, of late, in zstandard.

Python's zipfile knows zstandard from 3.14 on; pyarrow, which is here anyway, always does.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from ggufeval.errors import DataError
from ggufeval.imports import documents
from ggufeval.imports.documents import Tree

_ZSTANDARD = 93
"""The method's number: APPNOTE.TXT, 4.4.5."""
_LOCAL_HEADER = 30
"""Bytes of the header before a member, its name and extra field not counted: 4.3.7."""
MOST_MEMBERS = 500_000
_HEADERS = ("header.json", "_journal/start.json")
"""The second is all that a log has which was never finished."""


def read(path: Path) -> tuple[Tree, Iterator[tuple[str, Tree]]]:
    """The header, and the samples with their places."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, struct.error) as error:
        raise DataError(
            f"{path}: expected an inspect log, which is a zip file, found something else "
            f"({error}). Is the file whole? Copy it again."
        ) from None
    names = archive.namelist()
    header = next((name for name in _HEADERS if name in names), None)
    if header is None or len(names) > MOST_MEMBERS:
        archive.close()
        raise DataError(
            f"{path}: expected an inspect log, a zip file with header.json, found another one. "
            "Name another file."
        )
    return _member(path, archive, header), _samples(path, archive)


def _samples(path: Path, archive: zipfile.ZipFile) -> Iterator[tuple[str, Tree]]:
    with archive:
        for name in sorted(archive.namelist()):
            if name.startswith("samples/") and name.endswith(".json"):
                yield f"{path}, {name}", _member(path, archive, name)


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> Tree:
    place = f"{path}, {name}"
    most = documents.MOST_OF_A_LINE
    try:
        with _unpacked(archive, archive.getinfo(name)) as stream:
            # What the zip says of sizes is only said: a bomb is found by reading.
            text = stream.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
        raise DataError(
            f"{place} cannot be unpacked ({error}). Is the file whole? Copy it again."
        ) from None
    if len(text) > most:
        raise DataError(f"{place}: expected at most {most:,} bytes, found more. Name another file.")
    tree = documents.parse(text, place)
    if not isinstance(tree, dict):
        raise DataError(f"{place}: expected a JSON object, found a {type(tree).__name__}.")
    return tree


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    if member.compress_type != _ZSTANDARD:
        return archive.open(member)
    import pyarrow as pa

    packed = io.BytesIO(_packed(archive, member))
    stream: IO[bytes] = pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd")
    return stream


def _packed(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The member's bytes as they stand in the file."""
    with Path(str(archive.filename)).open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER)
        if len(header) < _LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
            raise zipfile.BadZipFile("no member stands where one should")
        _skip(file, struct.unpack_from("<HH", header, 26))
        return file.read(min(member.compress_size, documents.MOST_OF_A_LINE))


def _skip(file: BinaryIO, lengths: tuple[int, ...]) -> None:
    file.seek(sum(lengths), io.SEEK_CUR)
