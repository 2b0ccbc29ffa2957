"""llama.cpp's quantizer, with a result that is whole or not there."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import llama_cpp

from ggufeval.errors import ModelError
from ggufeval.llama import capi, gguf
from ggufeval.llama.recipe import terms
from ggufeval.types import ModelInfo, Recipe
from ggufeval.whole import whole

Progress = Callable[[int, int], None]
"""Called with the tensors that are done, and with all of them."""

_TAG_INT, _TAG_STR = 0, 3  # llama.h `llama_model_kv_override_type`
_LONGEST_VALUE = 127  # bytes of llama.h `llama_model_kv_override`
_TENSOR = re.compile(r"\[ *(\d+)/ *(\d+)\]")
_NO_MATRIX = re.compile(r"requires an imatrix|Missing importance matrix for tensor (\S+)")
_SIZE = re.compile(r"quant size += +([\d.]+) MiB")
_NEEDS_MATRIX = "will require an imatrix"
_WRITE_FAILED = "iostream error"
"""All that llama.cpp says of a write that failed: the text of C++'s exception."""


def steps(
    parts: Sequence[Path], target: Path, quantization: str, n_threads: int, recipe: Recipe
) -> Iterator[tuple[int, int]]:
    """`quantize`, and meanwhile the tensors that are done, and all there are."""
    news: SimpleQueue[tuple[int, int] | BaseException | None] = SimpleQueue()

    def work() -> None:
        try:
            quantize(parts, target, quantization, n_threads, recipe, lambda *done: news.put(done))
        except BaseException as error:  # noqa: BLE001 - raised again where somebody hears it
            news.put(error)
        else:
            news.put(None)

    Thread(target=work, daemon=True).start()
    while (new := news.get()) is not None:
        if isinstance(new, BaseException):
            raise new
        yield new


def quantize(  # noqa: PLR0917 - as they come through the pipe
    parts: Sequence[Path],
    target: Path,
    quantization: str,
    n_threads: int,
    recipe: Recipe | None = None,
    progress: Progress = lambda *_: None,
) -> Path:
    """Write a model (all its parts, in order) as `target` in another type.

    Whole or not at all. The new file says in its metadata what it was made from
    (`gguf.QUANTIZED_KEY`), and also where that was itself quantized (`gguf.REQUANTIZED_KEY`).
    Weights that are only written out name the model that they are of (`gguf.DEQUANTIZED_KEY`).

    Raises ModelError where llama.cpp refuses, where the disk does, and where the recipe does not
    fit the model; UsageError where it names an unknown type.
    """
    origin = gguf.read(parts)
    recipe = recipe or Recipe()
    its_terms = terms(recipe, parts)
    params = llama_cpp.llama_model_quantize_default_params()
    params.nthread = n_threads
    params.ftype = capi.quantization_types()[quantization]
    params.allow_requantize = True
    params.kv_overrides = _overrides({**_origins(origin, recipe.dequantized), **its_terms.facts})
    its_terms.put(params)
    with _explained(target), whole(target) as half:
        size = _header(origin) + _size(parts[0], params)
        free = shutil.disk_usage(target.parent).free
        if free < size:
            raise ModelError(_no_room(target, "there is no room for it", free, size))
        with capi.telling(lambda line: _tell(line, progress)):
            is_done = _run(parts[0], half, params)
        if not is_done:
            if _WRITE_FAILED in capi.last_error():
                raise ModelError(_no_room(target, "writing failed on the way", free, size))
            raise _refusal(parts[0], quantization)
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


def _tell(line: str, progress: Progress) -> None:
    """llama.cpp has a line for each tensor, and begins it before the work on it."""
    if found := _TENSOR.match(line):
        progress(int(found[1]) - 1, int(found[2]))


def _refusal(source: Path, quantization: str) -> ModelError:
    if found := _NO_MATRIX.search(capi.last_error()):
        lacking = f" that has an entry for {found[1]}" if found[1] else ""
        return ModelError(
            f"{source}: cannot be made {quantization}: llama.cpp wants an importance matrix"
            f"{lacking} for so few bits. Make one with `ggufeval imatrix`, and the level with "
            "`ggufeval quantize --imatrix FILE`."
        )
    return capi.refusal(source, f"cannot be made {quantization}")


def _origins(origin: ModelInfo, dequantized: str) -> dict[str, str | int]:
    """What a level says of the file that it was made from."""
    lossy = origin.requantized_from or (origin.quantization if origin.is_lossy else "")
    facts = {
        gguf.QUANTIZED_KEY: origin.quantization,
        gguf.REQUANTIZED_KEY: lossy,
        gguf.DEQUANTIZED_KEY: dequantized,
    }
    return {key: value for key, value in facts.items() if value}


def _overrides(facts: Mapping[str, str | int]) -> Any:  # noqa: ANN401
    """The metadata to add, as llama.cpp wants it: a list that an empty item ends."""
    overrides = (llama_cpp.llama_model_kv_override * (len(facts) + 1))()
    for override, (key, value) in zip(overrides, facts.items(), strict=False):
        override.tag = _TAG_INT if isinstance(value, int) else _TAG_STR
        override.key = key.encode()
        union: Any = override.value  # bound as a union, annotated as its members
        if isinstance(value, int):
            union.val_i64 = value
        else:
            union.val_str = value.encode()[:_LONGEST_VALUE].decode(errors="ignore").encode()
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
