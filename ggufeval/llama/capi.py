"""The C library: what llama-cpp-python binds, and the few calls that it does not.

Nothing here owns anything; `model.Model` and `decoder.Decoder` own the handles.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PureWindowsPath
from typing import Any

import llama_cpp
from llama_cpp._ctypes_extensions import load_shared_library

from ggufeval.errors import ModelError
from ggufeval.types import BuildInfo

_FLASH_ATTN = {"auto": -1, "off": 0, "on": 1}
_LOG_LEVELS_KEPT = (3, 4)  # warnings and errors (ggml_log_level)
_LOG_LINES_KEPT = 40
_GPUS = (1, 2)  # ggml-backend.h `ggml_backend_dev_type`: GPU, and one inside the processor

_UNKNOWN_ARCHITECTURE = re.compile(r"unknown model architecture: '(.*)'")

_log: list[str] = []
_listeners: list[Callable[[str], None]] = []


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _keep_log(level: int, text: bytes, _user_data: object) -> None:
    line = text.decode("utf-8", errors="replace").strip()
    if level in _LOG_LEVELS_KEPT:
        _log.append(line)
        del _log[:-_LOG_LINES_KEPT]
    for hear in _listeners:
        hear(line)


def start() -> None:
    """Initialise the backend once a process and keep its warnings for our own messages."""
    llama_cpp.llama_log_set(_keep_log, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()


def last_error() -> str:
    """What llama.cpp said last, for an error message."""
    for line in reversed(_log):
        if line and "failed to load model" not in line:
            return line
    return "llama.cpp gave no reason"


def refusal(path: Path, what: str) -> ModelError:
    """What to raise where llama.cpp refuses a model: what it cannot do, and what it said last."""
    reason = last_error()
    if found := _UNKNOWN_ARCHITECTURE.search(reason):
        return ModelError(
            f"{path}: this llama.cpp (llama-cpp-python {llama_cpp.__version__}) does not support "
            f"the architecture {found[1]!r}. Upgrade llama-cpp-python, or choose another model."
        )
    return ModelError(f"{path}: {what}: {reason}.")


@contextmanager
def telling(hear: Callable[[str], None]) -> Iterator[None]:
    """`hear` is called with all that llama.cpp says meanwhile, of every level."""
    _listeners.append(hear)
    try:
        yield
    finally:
        _listeners.remove(hear)


@contextmanager
def listening() -> Iterator[list[str]]:
    """All that llama.cpp says meanwhile, of every level, a line an item."""
    lines: list[str] = []
    with telling(lines.append):
        yield lines


def flash_attn_type(name: str) -> int:
    return _FLASH_ATTN[name]


@cache
def ggml() -> Any:  # noqa: ANN401 - a ctypes library is untyped
    """libggml-base, with the prototypes of the calls that we make."""
    folder = Path(llama_cpp.__file__).parent / "lib"
    library = load_shared_library("ggml-base", folder)
    p, i32, i64, u32 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64, ctypes.c_uint32
    size, text = ctypes.c_size_t, ctypes.c_char_p
    prototypes: dict[str, tuple[list[Any], Any]] = {
        "gguf_init_from_file": ([text, GGUFInitParams], p),
        "gguf_free": ([p], None),
        "gguf_find_key": ([p, text], i64),
        "gguf_get_kv_type": ([p, i64], i32),
        "gguf_get_val_str": ([p, i64], text),
        "gguf_get_val_u32": ([p, i64], u32),
        "gguf_get_arr_type": ([p, i64], i32),
        "gguf_get_arr_n": ([p, i64], size),
        "gguf_get_arr_str": ([p, i64, size], text),
        "gguf_get_n_tensors": ([p], i64),
        "gguf_get_tensor_name": ([p, i64], text),
        "gguf_get_tensor_ne": ([p, i64], ctypes.POINTER(i64)),
        "gguf_get_tensor_type": ([p, i64], i32),
        "gguf_get_tensor_size": ([p, i64], size),
        "gguf_get_tensor_offset": ([p, i64], size),
        "gguf_get_data_offset": ([p], size),
        "ggml_type_name": ([i32], text),
        "ggml_type_size": ([i32], size),
        "ggml_blck_size": ([i32], i64),
        "ggml_quantize_requires_imatrix": ([i32], ctypes.c_bool),
        "ggml_commit": ([], text),
        "ggml_backend_dev_name": ([p], text),
        "ggml_backend_dev_description": ([p], text),
        "ggml_backend_dev_type": ([p], i32),
        "ggml_backend_dev_memory": ([p, ctypes.POINTER(size), ctypes.POINTER(size)], None),
    }
    for name, (arguments, result) in prototypes.items():
        function = getattr(library, name, None)
        if function is not None:
            function.argtypes, function.restype = arguments, result
    return library


class GGUFInitParams(ctypes.Structure):
    """gguf.h `gguf_init_params`."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p))


@cache
def _registry() -> Any:  # noqa: ANN401
    """libggml, which lists the devices."""
    folder = Path(llama_cpp.__file__).parent / "lib"
    library = load_shared_library("ggml", folder)
    library.ggml_backend_dev_count.argtypes, library.ggml_backend_dev_count.restype = (
        [],
        ctypes.c_size_t,
    )
    library.ggml_backend_dev_get.argtypes, library.ggml_backend_dev_get.restype = (
        [ctypes.c_size_t],
        ctypes.c_void_p,
    )
    return library


def _handles() -> list[int]:
    """Of the devices that this build can compute on."""
    registry = _registry()
    return [registry.ggml_backend_dev_get(i) for i in range(registry.ggml_backend_dev_count())]


def devices(*, only_gpus: bool = False) -> tuple[str, ...]:
    """Name and description of each device that this build can compute on."""
    base, handles = ggml(), _handles()
    if only_gpus:
        handles = [h for h in handles if base.ggml_backend_dev_type(h) in _GPUS]
    return tuple(
        f"{base.ggml_backend_dev_name(h).decode()}: {base.ggml_backend_dev_description(h).decode()}"
        for h in handles
    )


def free_memory(kinds: Collection[int] = _GPUS) -> dict[str, int]:
    """Bytes that are free on each device of these kinds (ggml_backend_dev_type), by its name."""
    base, free, total = ggml(), ctypes.c_size_t(), ctypes.c_size_t()
    found = {}
    for handle in _handles():
        if base.ggml_backend_dev_type(handle) in kinds:
            base.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
            found[base.ggml_backend_dev_name(handle).decode()] = free.value
    return found


@cache
def build_info() -> BuildInfo:
    """Which llama.cpp this is. The libraries' hash tells two builds of one version apart."""
    digest = hashlib.sha256()
    for path in sorted((Path(llama_cpp.__file__).parent / "lib").iterdir()):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    commit = getattr(ggml(), "ggml_commit", None)
    return BuildInfo(
        llama_cpp_python=llama_cpp.__version__,
        ggml_commit=commit().decode() if commit is not None else "",
        libraries_sha256=digest.hexdigest(),
        system_info=llama_cpp.llama_print_system_info().decode().strip(),
        devices=devices(),
        variables=_variables(),
    )


def _variables() -> tuple[str, ...]:
    """Some of these change the arithmetic. Of paths the last part is kept: the rest tells nothing
    but whose machine it is."""
    found = {name: value for name, value in os.environ.items() if name.startswith("GGML_")}
    return tuple(f"{name}={PureWindowsPath(found[name]).name}" for name in sorted(found))


def supports_gpu_offload() -> bool:
    return bool(llama_cpp.llama_supports_gpu_offload())


@cache
def quantization_types() -> dict[str, int]:
    """Name -> llama_ftype, of every type that llama.cpp's headers name: `Q4_K_M` -> 15."""
    prefixes = ("LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_")
    return {
        name.removeprefix(prefix): getattr(llama_cpp, name)
        for name in dir(llama_cpp)
        for prefix in prefixes
        if name.startswith(prefix)
    }
