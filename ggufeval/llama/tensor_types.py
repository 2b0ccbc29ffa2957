"""The types that llama.cpp can make files and tensors of."""

from __future__ import annotations

import ctypes
import difflib
import os
from functools import cache

import llama_cpp

from ggufeval.errors import UsageError
from ggufeval.llama import capi, gguf

_UNKNOWN = "invalid output file type"


@cache
def makeable() -> dict[str, float]:
    """Every quantization that llama.cpp's quantizer makes -> its nominal bits per weight.

    They are those of the tensor type that its name promises: bits of a block, its scales
    included, over the block's weights.
    """
    codes = _codes()
    found = {}
    for quantization, ftype in capi.quantization_types().items():
        default = gguf.nominal_types(quantization)[0]
        if default in codes and _is_known(ftype):
            found[quantization] = _bits(codes[default])
    return found


def code(called: str) -> int:
    """ggml's number of a tensor type. Raises UsageError for one that nothing is quantized to."""
    codes, usable = _codes(), {gguf.nominal_types(level)[0] for level in makeable()}
    if called.upper() in usable:
        return codes[called.upper()]
    near = difflib.get_close_matches(called.upper(), usable, n=3)
    hint = (
        f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(sorted(usable))}."
    )
    raise UsageError(f"llama.cpp quantizes no tensor to {called!r}. {hint}")


def name(kind: int) -> str:
    """As llama.cpp's users write it: `Q8_0`."""
    return str(capi.ggml().ggml_type_name(kind).decode().upper())


def block_size(kind: int) -> int:
    return int(capi.ggml().ggml_blck_size(kind))


def needs_matrix(kind: int) -> bool:
    """Whether ggml would abort without an importance matrix."""
    return bool(capi.ggml().ggml_quantize_requires_imatrix(kind))


def none() -> int:
    """What stands for no type."""
    return int(llama_cpp.llama_model_quantize_default_params().output_tensor_type)


def _bits(kind: int) -> float:
    return 8 * int(capi.ggml().ggml_type_size(kind)) / block_size(kind)


def _codes() -> dict[str, int]:
    """Name -> ggml_type. Numbers of types that ggml has dropped have an empty block."""
    kinds = (kind for kind in range(none()) if block_size(kind))
    return {name(kind): kind for kind in kinds}


def _is_known(ftype: int) -> bool:
    # The headers name types that the quantizer does not make. It looks at the type before it
    # reads the source, so that an empty one will do to ask.
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = ftype
    params.dry_run = True
    nowhere = os.devnull.encode()
    with capi.listening() as lines:
        llama_cpp.llama_model_quantize(nowhere, nowhere, ctypes.byref(params))
    return not any(_UNKNOWN in line for line in lines)
