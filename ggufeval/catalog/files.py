"""GGUF files from outside: their names, their parts, their first bytes, their hash."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path, PurePath
from typing import TypeVar

from ggufeval.errors import ModelError

AnyPath = TypeVar("AnyPath", bound=PurePath)
"""Of this disk, or inside a repository."""

VERSIONS = (2, 3)
"""GGUF versions that llama.cpp reads."""

_PART = re.compile(r"(?P<stem>.+)-(?P<number>[0-9]{5})-of-(?P<total>[0-9]{5})\.gguf")
_QUANTIZATION = re.compile(
    r"(?:^|[-._])(?P<name>(?:UD-)?(?:I?Q[1-8]_[A-Z0-9_]+|TQ[12]_0|MXFP4(?:_MOE)?|B?F16|F32|FP16|FP32))$",
    re.IGNORECASE,
)
_CONVERT = "Convert the model with llama.cpp's convert_hf_to_gguf.py"
_AGAIN = "Download it again"
_KINDS = (
    (b"PK\x03\x04", "a zip archive (a PyTorch checkpoint is one)", _CONVERT),
    (b"\x80", "a Python pickle (an old PyTorch checkpoint)", _CONVERT),
    (b"<!doctype html", "a web page", _AGAIN),
    (b"<html", "a web page", _AGAIN),
    (b"version https://git-lfs", "a git-lfs pointer without its content", _AGAIN),
    (b"lmgg", "a GGML file from before GGUF", _CONVERT),
    (b"fmgg", "a GGML file from before GGUF", _CONVERT),
    (b"tjgg", "a GGML file from before GGUF", _CONVERT),
)


def split_name(path: PurePath) -> tuple[str, str]:
    """The model and the quantization that a file's name tells; '' for what it does not.

    `Llama-3.2-1B-Instruct-Q4_K_M-00001-of-00002.gguf` -> `Llama-3.2-1B-Instruct`, `Q4_K_M`.
    """
    part = _PART.fullmatch(path.name)
    stem = part["stem"] if part else path.stem
    found = _QUANTIZATION.search(stem)
    if not found:
        return stem, ""
    return stem[: found.start()], re.sub("^FP", "F", found["name"].upper())


def first_part(path: AnyPath) -> AnyPath:
    """The part of a split model that stands for the whole; any other file is itself."""
    part = _PART.fullmatch(path.name)
    return path.with_name(f"{part['stem']}-00001-of-{part['total']}.gguf") if part else path


def split_parts(path: AnyPath) -> tuple[AnyPath, ...]:
    """The paths of all files of a model, in order, as the name of one of them tells."""
    part = _PART.fullmatch(path.name)
    if not part:
        return (path,)
    stem, total = part["stem"], int(part["total"])
    return tuple(path.with_name(f"{stem}-{i:05d}-of-{total:05d}.gguf") for i in range(1, total + 1))


def parts(path: Path) -> tuple[Path, ...]:
    """All files of a model, in order; `path` is any of them.

    Raises ModelError where a part is missing.
    """
    found = split_parts(path)
    if len(found) == 1 and found[0] == path:
        return found
    if path not in found:
        raise ModelError(f"{path}: a part from 1 to {len(found)} was expected in the name.")
    missing = [member.name for member in found if not member.is_file()]
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise ModelError(
            f"{path}: {len(found)} parts were expected, {len(missing)} missing: {shown}. "
            "Put all parts into the same folder."
        )
    return found


def is_model(name: str) -> bool:
    """Whether a file's name is that of a model. What lies beside models on the hub is none:
    projectors of images, importance matrices."""
    path = PurePath(name.lower())
    if path.name.startswith(".") or path.suffix != ".gguf" or "mmproj" in path.name:
        return False
    return not ("imatrix" in path.name and not split_name(path)[1])


def check_gguf(path: Path) -> None:
    """Raises ModelError, saying what the file seems to be, unless it begins as a GGUF does."""
    if not path.is_file():
        raise ModelError(
            f"{path}: a GGUF file was expected; this is no regular file, or "
            "a link to nothing. Check the path."
        )
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}.") from error
    if not head.startswith(b"GGUF"):
        kind, advice = _kind(head)
        raise ModelError(f"{path}: a GGUF file was expected; this is {kind}. {advice}.")
    if len(head) < 24:
        raise ModelError(f"{path}: the GGUF file ends inside its header. {_AGAIN}.")
    (version,) = struct.unpack("<I", head[4:8])
    if version not in VERSIONS:
        found = "big-endian" if head[4:6] == b"\0\0" else f"version {version}"
        raise ModelError(
            f"{path}: little-endian GGUF of version 2 or 3 was expected; this one is {found}. "
            f"{_CONVERT}."
        )


def _kind(head: bytes) -> tuple[str, str]:
    if not head:
        return "empty", _AGAIN
    # safetensors: the length of its JSON header, then the header.
    if head[8:9] == b"{" and head[7] == 0:
        return "a safetensors file", _CONVERT
    start = head.lstrip().lower()
    for magic, kind, advice in _KINDS:
        if start.startswith(magic.lower()):
            return kind, advice
    return f"something else (it begins with {head[:8]!r})", _CONVERT


def file_sha256(path: Path, expected: Sequence[str] = ()) -> str:
    """Of the file; of the concatenated hexadecimal digests where the model is split.

    Raises ModelError where a file does not have the digest that is expected of it ('': none is).
    """
    digests = []
    for part, promised in zip_longest(parts(path), expected, fillvalue=""):
        digests.append(_sha256(Path(part)))
        if promised and digests[-1] != promised:
            raise ModelError(
                f"{Path(part).resolve()}: sha256 {promised} was expected, {digests[-1]} was found: "
                "the file was damaged or changed. Remove it, and it is fetched again."
            )
    return combined_sha256(digests)


def combined_sha256(digests: Sequence[str]) -> str:
    """Of a model whose parts have these."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}.") from error
