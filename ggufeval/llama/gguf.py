"""What a GGUF file says of itself, without loading its weights."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ggufeval.errors import ModelError
from ggufeval.llama import capi
from ggufeval.types import FULL_PRECISION, ModelInfo

IMATRIX_KEY = "ggufeval.imatrix"
"""Our own metadata key: the importance matrix that we used, empty where we used none."""
REQUANTIZED_KEY = "ggufeval.requantized_from"
"""Our own metadata key: the lossy type that a file was quantized from."""
QUANTIZED_KEY = "ggufeval.quantized_from"
"""Our own metadata key: the type, lossy or not, that we quantized a file from."""
DEQUANTIZED_KEY = "ggufeval.dequantized_sha256"
"""Our own metadata key: the sha256 of the model whose weights we wrote out."""
IMATRIX_KEYS = tuple(
    f"quantize.imatrix.{name}" for name in ("file", "dataset", "entries_count", "chunks_count")
)
"""What llama.cpp's own program writes where it quantizes with an importance matrix."""

_TYPE_UINT32, _TYPE_STRING, _TYPE_ARRAY = 4, 8, 9  # gguf.h `gguf_type`
_NOMINAL_TYPES = {
    "IQ2_S": ("IQ2_XS",),
    "IQ2_M": ("IQ2_S",),
    "IQ3_XS": ("IQ3_S", "IQ3_XXS"),
    "IQ3_M": ("IQ3_S",),
    "MXFP4_MOE": ("MXFP4",),
}
"""Quantizations whose name is not that of their tensors' type."""
_STATES = ("ssm.conv_kernel", "ssm.state_size", "wkv.head_size", "shortconv.l_cache")
"""What files of recurrent and hybrid models say (llama.cpp's gguf-py, constants.py, `Keys`)."""
_PART = re.compile(r"-\d{5}-of-\d{5}$")


@contextmanager
def opened(path: Path) -> Iterator[int]:
    lib = capi.ggml()
    handle = lib.gguf_init_from_file(str(path).encode(), capi.GGUFInitParams(True, None))
    if not handle:
        raise ModelError(
            f"{path}: a GGUF file was expected, but its header cannot be read "
            f"({capi.last_error()}). It is damaged or truncated: fetch it again."
        )
    try:
        yield handle
    finally:
        lib.gguf_free(handle)


def shapes(paths: Sequence[Path]) -> dict[str, tuple[int, int, int]]:
    """Name of a tensor -> its columns, rows and matrices (experts)."""
    lib = capi.ggml()
    found = {}
    for path in paths:
        with opened(path) as handle:
            for i in range(lib.gguf_get_n_tensors(handle)):
                ne = lib.gguf_get_tensor_ne(handle, i)
                name = lib.gguf_get_tensor_name(handle, i).decode("utf-8", errors="replace")
                found[name] = ne[0], ne[1], ne[2]
    return found


def texts(handle: int, key: str) -> tuple[str, ...]:
    """A list of the header; empty where there is none."""
    lib = capi.ggml()
    index = lib.gguf_find_key(handle, key.encode())
    if index < 0 or lib.gguf_get_kv_type(handle, index) != _TYPE_ARRAY:
        return ()
    if lib.gguf_get_arr_type(handle, index) != _TYPE_STRING:
        return ()
    items = range(lib.gguf_get_arr_n(handle, index))
    return tuple(lib.gguf_get_arr_str(handle, index, i).decode(errors="replace") for i in items)


def _text(handle: int, key: str) -> str:
    lib = capi.ggml()
    index = lib.gguf_find_key(handle, key.encode())
    if index < 0 or lib.gguf_get_kv_type(handle, index) != _TYPE_STRING:
        return ""
    return str(lib.gguf_get_val_str(handle, index).decode("utf-8", errors="replace"))


def _imatrix(handle: int) -> str:
    """A name for the importance matrix that was used, if one was."""
    file, dataset = (_text(handle, key) for key in IMATRIX_KEYS[:2])
    if name := re.split(r"[/\\]", file)[-1] or dataset:
        return name
    find = capi.ggml().gguf_find_key
    return "unnamed" if any(find(handle, key.encode()) >= 0 for key in IMATRIX_KEYS) else ""


def number(handle: int, key: str) -> int | None:
    lib = capi.ggml()
    index = lib.gguf_find_key(handle, key.encode())
    if index < 0 or lib.gguf_get_kv_type(handle, index) != _TYPE_UINT32:
        return None
    return int(lib.gguf_get_val_u32(handle, index))


def _tensors(handle: int, path: Path) -> tuple[Counter[str], int]:
    """Weights by type, and the tensors' bytes; checks that the file is long enough for them."""
    lib = capi.ggml()
    weights: Counter[str] = Counter()
    n_bytes = 0
    end = start = lib.gguf_get_data_offset(handle)
    for i in range(lib.gguf_get_n_tensors(handle)):
        kind, size = lib.gguf_get_tensor_type(handle, i), lib.gguf_get_tensor_size(handle, i)
        name = lib.ggml_type_name(kind).decode().upper()
        weights[name] += size // lib.ggml_type_size(kind) * lib.ggml_blck_size(kind)
        n_bytes += size
        end = max(end, start + lib.gguf_get_tensor_offset(handle, i) + size)
    if (found := path.stat().st_size) < end:
        raise ModelError(
            f"{path}: truncated: its tensors need {end:,} bytes, the file has {found:,}. "
            "Fetch it again."
        )
    return weights, n_bytes


def nominal_types(quantization: str) -> tuple[str, ...]:
    """The tensor types that a quantization's name promises: `Q4_K_M` -> `Q4_K`.

    Source: llama.cpp `src/llama-quant.cpp`, the default type of each `llama_ftype`.
    """
    base = re.sub(r"(?<=_K)_(S|M|L)$", "", quantization)
    return _NOMINAL_TYPES.get(base, (base,))


def read(paths: Sequence[Path], sha256: str = "") -> ModelInfo:
    """The facts of a model in one file or in the parts of a split one, in order.

    Raises ModelError where a file is damaged, truncated or without weights.
    """
    weights: Counter[str] = Counter()
    n_bytes = 0
    for path in paths:
        with opened(path) as handle:
            part, size = _tensors(handle, path)
            weights += part
            n_bytes += size
    with opened(paths[0]) as handle:
        architecture = _text(handle, "general.architecture")
        file_type = number(handle, "general.file_type")
        context_length = number(handle, f"{architecture}.context_length")
        has_state = any(
            capi.ggml().gguf_find_key(handle, f"{architecture}.{key}".encode()) >= 0
            for key in _STATES
        )
        lossy_origin = _text(handle, REQUANTIZED_KEY)
        origin = _text(handle, QUANTIZED_KEY) or lossy_origin
        dequantized = _text(handle, DEQUANTIZED_KEY)
        # The quantizer copies what its source says of itself: of our own files we say it apart.
        imatrix = _text(handle, IMATRIX_KEY) if origin else _imatrix(handle)
    n_params = weights.total()
    if n_params == 0:
        raise ModelError(
            f"{paths[0]}: a model was expected, but the file holds a vocabulary without weights."
        )
    quantization = _quantization(file_type, weights)
    if quantization not in FULL_PRECISION:
        dequantized = ""  # copied by a quantizer: what it wrote are other weights
    label = _label(_PART.sub("", paths[0].stem), quantization)
    if dequantized:
        # As `ggufeval.dequantized` names such files: after their source, then by its hash.
        stem = paths[0].stem.removesuffix(f"-{dequantized[:12]}-{quantization}")
        label = f"{_label(stem, origin)} as {quantization}"
    return ModelInfo(
        label=label,
        path=str(paths[0]),
        sha256=sha256,
        size_bytes=sum(path.stat().st_size for path in paths),
        architecture=architecture,
        n_params=n_params,
        quantization=quantization,
        tensor_types=dict(weights.most_common()),
        bits_per_weight=8 * n_bytes / n_params,
        nominal_share=sum(weights[name] for name in nominal_types(quantization)) / n_params,
        requantized_from=lossy_origin,
        context_length=context_length or 0,
        imatrix=imatrix,
        quantized_from=origin,
        dequantized_from=dequantized,
        has_state=has_state,
    )


def _quantization(file_type: int | None, weights: Counter[str]) -> str:
    names = {value: name for name, value in capi.quantization_types().items()}
    return names.get(-1 if file_type is None else file_type, weights.most_common(1)[0][0])


def _label(stem: str, quantization: str) -> str:
    base = re.sub(rf"[-._]{re.escape(quantization)}$", "", stem, flags=re.IGNORECASE)
    return f"{base} {quantization}"
