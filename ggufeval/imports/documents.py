"""JSON as other tools write it, read with bounds and with the place of whatever is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import reprlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from ggufeval.errors import DataError

Tree: TypeAlias = dict[str, Any]


class OtherTaskError(DataError):
    """Records that are whole, and none of MMLU."""


MOST_OF_A_LINE = 64 * 2**20
"""Bytes of one sample; a five-shot question with all its requests has some 50,000."""
MOST_OF_A_FILE = 2**30
"""Bytes of a file that can only be read in one piece."""
_PIECE = 2**20


def digest(paths: Iterable[Path]) -> str:
    """sha256 over the files' own, so that neither their names nor their order matter."""
    found = []
    for path in paths:
        hashed = hashlib.sha256()
        with _opened(path) as file:
            while piece := file.read(_PIECE):
                hashed.update(piece)
        found.append(hashed.hexdigest())
    return hashlib.sha256("".join(sorted(found)).encode()).hexdigest()


def samples(path: Path) -> Iterator[tuple[str, Tree]]:
    """Place and object of each line of a file; or of each element, where it is one list."""
    with _opened(path) as file:
        head = file.read(64).lstrip()
        file.seek(0)
        if head.startswith(b"["):
            for number, tree in enumerate(_list(path, file)):
                yield _object(f"{path}, element {number}", tree)
            return
        number = 0
        while line := file.readline(MOST_OF_A_LINE + 1):
            number += 1
            place = f"{path}, line {number}"
            if len(line) > MOST_OF_A_LINE:
                raise DataError(
                    f"{place}: expected one sample of at most {MOST_OF_A_LINE:,} bytes, found a "
                    "longer line. Is it a file of samples?"
                )
            if line.strip():
                yield _object(place, parse(line, place))


def document(path: Path) -> Tree:
    """The object that a file holds."""
    with _opened(path) as file:
        return _object(str(path), parse(_whole(path, file), str(path)))[1]


def head(path: Path, n_bytes: int = 512) -> bytes:
    """How a file begins."""
    with _opened(path) as file:
        return file.read(n_bytes)


def parse(text: bytes, place: str) -> object:
    """Raises DataError where it is no UTF-8, or no JSON."""
    try:
        return json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place}: expected UTF-8 text, found the byte 0x{error.object[error.start]:02x}. "
            "Save the file as UTF-8."
        ) from None
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}"
        raise DataError(
            f"{place}: expected JSON, found something else ({error.msg} at {where}). "
            "Is the file whole? Copy it again."
        ) from None
    except (ValueError, RecursionError):  # a number of too many digits, or nested too deeply
        raise DataError(
            f"{place}: expected the JSON of an evaluation, found nesting or numbers beyond all "
            "measure. Name another file."
        ) from None


def get(tree: Tree, name: str, kind: type, place: str) -> Any:  # noqa: ANN401 - as `kind` says
    """A key that must be there, and of a type."""
    value = tree.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        found = f"found {reprlib.repr(value)}" if name in tree else "there is none"
        names = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}
        raise DataError(
            f"{place}: expected {names[kind]} as {name!r}, {found}. Is it a file of samples, "
            "unchanged?"
        )
    return value


def number(value: object) -> float:
    """A setting; 0 where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 <= value < 2**31 else 0.0


def encodable(text: str) -> str:
    """With halves of surrogate pairs, which JSON can spell and no file can hold, written out."""
    return text.encode(errors="backslashreplace").decode()


def _opened(path: Path) -> BinaryIO:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise DataError(f"{path}: a file of samples was expected; this is no regular file.")
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _whole(path: Path, file: BinaryIO) -> bytes:
    if os.fstat(file.fileno()).st_size > MOST_OF_A_FILE:
        raise DataError(
            f"{path}: expected at most {MOST_OF_A_FILE:,} bytes, which can only be read at once. "
            "Of an inspect log, write the other format: inspect log convert --to eval."
        )
    return file.read()


def _list(path: Path, file: BinaryIO) -> list[object]:
    found = parse(_whole(path, file), str(path))
    return found if isinstance(found, list) else []


def _object(place: str, tree: object) -> tuple[str, Tree]:
    if not isinstance(tree, dict):
        raise DataError(
            f"{place}: expected a JSON object, found a {type(tree).__name__}. Is it a file of "
            "samples, unchanged?"
        )
    return place, tree
