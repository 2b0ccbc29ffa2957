"""llama.cpp's quantizer, with a result that is whole or not there."""

from __future__ import annotations

import ctypes
import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import psutil

from ggufeval.errors import ModelError
from ggufeval.llama import capi, gguf

_TAG_STR = 3  # llama.h `llama_model_kv_override_type`
FULL_PRECISION = ("F32", "F16", "BF16")


def quantize(parts: Sequence[Path], target: Path, quantization: str, n_threads: int) -> Path:
    """Write a model (all its parts, in order) as `target` in another type.

    Made beside the target under a temporary name and renamed when complete, so that a killed run
    leaves no half file under the final name; the next one removes what it left. A source that is
    itself quantized is allowed, and the new file says so in its metadata
    (`gguf.REQUANTIZED_KEY`).

    Raises ModelError where llama.cpp refuses.
    """
    origin = gguf.read(parts)
    lossy = origin.requantized_from or (
        "" if origin.quantization in FULL_PRECISION else origin.quantization
    )
    params = llama_cpp.llama_model_quantize_default_params()
    params.nthread = n_threads
    params.ftype = capi.quantization_types()[quantization]
    params.allow_requantize = True
    overrides = (llama_cpp.llama_model_kv_override * 2)()  # the second, empty one ends the list
    if lossy:
        overrides[0].tag = _TAG_STR
        overrides[0].key = gguf.REQUANTIZED_KEY.encode()
        union: Any = overrides[0].value  # bound as a union, annotated as its members
        union.val_str = lossy.encode()
        params.kv_overrides = overrides
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    half = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        status = llama_cpp.llama_model_quantize(
            str(parts[0]).encode(), str(half).encode(), ctypes.byref(params)
        )
        if status != 0:
            raise ModelError(f"{parts[0]}: cannot be made {quantization}: {capi.last_error()}.")
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    return target


def _remove_leftovers(target: Path) -> None:
    """Half files of processes that are no more."""
    for half in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        pid = half.suffixes[-2].removeprefix(".")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            half.unlink(missing_ok=True)
