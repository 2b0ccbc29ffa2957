"""llama.cpp's quantizer, with a result that is whole or not there."""

from __future__ import annotations

import ctypes
import glob
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp
import psutil

from ggufeval.errors import ModelError
from ggufeval.llama import capi, gguf
from ggufeval.types import ModelInfo

_TAG_STR = 3  # llama.h `llama_model_kv_override_type`
_SIZE = re.compile(r"quant size += +([\d.]+) MiB")
_NEEDS_MATRIX = "will require an imatrix"
_WRITE_FAILED = "iostream error"
"""All that llama.cpp says of a write that failed: the text of C++'s exception."""
FULL_PRECISION = ("F32", "F16", "BF16")


def quantize(parts: Sequence[Path], target: Path, quantization: str, n_threads: int) -> Path:
    """Write a model (all its parts, in order) as `target` in another type.

    Made beside the target under a temporary name and renamed when complete, so that a killed run
    leaves no half file under the final name; the next one removes what it left. The new file says
    in its metadata what it was made from (`gguf.QUANTIZED_KEY`), and also where that was itself
    quantized (`gguf.REQUANTIZED_KEY`).

    Raises ModelError where llama.cpp refuses, and where the disk does.
    """
    origin = gguf.read(parts)
    overrides = _overrides(origin)
    params = llama_cpp.llama_model_quantize_default_params()
    params.nthread = n_threads
    params.ftype = capi.quantization_types()[quantization]
    params.allow_requantize = True
    params.kv_overrides = overrides
    half = target.with_name(f".{target.name}.{os.getpid()}.part")
    with _explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        size = _header(origin) + _size(parts[0], params)
        free = shutil.disk_usage(target.parent).free
        if free < size:
            raise ModelError(_no_room(target, "there is no room for it", free, size))
        try:
            if not _run(parts[0], half, params):
                if _WRITE_FAILED in capi.last_error():
                    raise ModelError(_no_room(target, "writing failed on the way", free, size))
                raise capi.refusal(parts[0], f"cannot be made {quantization}")
            half.replace(target)
        finally:
            half.unlink(missing_ok=True)
    return target


def predicted_size(parts: Sequence[Path], quantization: str) -> int:
    """Bytes of what `quantize` would write, about; 0 where llama.cpp does not say.

    Raises ModelError where it says that it would refuse.
    """
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = capi.quantization_types()[quantization]
    params.allow_requantize = True
    with capi.listening() as lines:
        size = _size(parts[0], params)
    if any(_NEEDS_MATRIX in line for line in lines):
        raise ModelError(
            f"{parts[0]}: cannot be made {quantization}: llama.cpp wants an importance matrix for "
            "it. Ask for another level."
        )
    return size and _header(gguf.read(parts)) + size


def _header(origin: ModelInfo) -> int:
    """Bytes of a file that are not weights."""
    return origin.size_bytes - round(origin.bits_per_weight * origin.n_params / 8)


def _run(source: Path, target: Path, params: Any) -> bool:  # noqa: ANN401
    arguments = str(source).encode(), str(target).encode(), ctypes.byref(params)
    return bool(llama_cpp.llama_model_quantize(*arguments) == 0)


def _overrides(origin: ModelInfo) -> Any:  # noqa: ANN401
    """The metadata to add, as llama.cpp wants it: a list that an empty item ends."""
    lossy = origin.requantized_from or (
        "" if origin.quantization in FULL_PRECISION else origin.quantization
    )
    facts = {gguf.QUANTIZED_KEY: origin.quantization, gguf.REQUANTIZED_KEY: lossy}
    facts = {key: value for key, value in facts.items() if value}
    overrides = (llama_cpp.llama_model_kv_override * (len(facts) + 1))()
    for override, (key, value) in zip(overrides, facts.items(), strict=False):
        override.tag = _TAG_STR
        override.key = key.encode()
        union: Any = override.value  # bound as a union, annotated as its members
        union.val_str = value.encode()
    return overrides


def _size(source: Path, params: Any) -> int:  # noqa: ANN401
    """Bytes that the tensors will take; 0 where llama.cpp does not say, as where it refuses."""
    params.dry_run = True
    with capi.listening() as lines:
        _run(source, Path(os.devnull), params)
    params.dry_run = False
    found = next((found for line in lines if (found := _SIZE.search(line))), None)
    return round(float(found[1]) * (1 << 20)) if found else 0


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"{target}: cannot be written: {error.strerror or error}. "
            "Set GGUFEVAL_CACHE to a folder where you may write."
        ) from error


def _no_room(target: Path, why: str, free: int, size: int) -> str:
    return (
        f"{target}: cannot be written: {why} ({free / 1e9:.2f} GB free; the level needs about "
        f"{size / 1e9:.2f} GB). Make room, or set GGUFEVAL_CACHE to a folder on another disk."
    )


def _remove_leftovers(target: Path) -> None:
    """Half files of processes that are no more."""
    for half in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        pid = half.suffixes[-2].removeprefix(".")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            half.unlink(missing_ok=True)
