"""Quantized weights written out by llama.cpp's quantizer: the same weights."""

from __future__ import annotations

import ctypes
from pathlib import Path

import gguf.quants
import numpy as np
import pytest

from ggufeval.llama import capi
from ggufeval.llama.client import ModelProcess
from ggufeval.types import Recipe

SHA256 = "a" * 64


@pytest.fixture(scope="module")
def process():
    with ModelProcess() as worker:
        yield worker


@pytest.fixture(scope="module")
def written(process, made, tmp_path_factory) -> Path:
    name = f"SmolLM2-135M-Instruct-Q4_0-{SHA256[:12]}-F32.gguf"
    target = tmp_path_factory.mktemp("written") / name
    return process.quantize([made("Q4_0")], target, "F32", 2, Recipe(dequantized=SHA256))


def tensor(path: Path, name: str) -> tuple[gguf.GGMLQuantizationType, np.ndarray]:
    """Its type and its bytes."""
    capi.start()
    lib = capi.ggml()
    handle = lib.gguf_init_from_file(str(path).encode(), capi.GGUFInitParams(True, None))
    lib.gguf_find_tensor.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    lib.gguf_find_tensor.restype = ctypes.c_int64
    i = lib.gguf_find_tensor(handle, name.encode())
    offset = lib.gguf_get_data_offset(handle) + lib.gguf_get_tensor_offset(handle, i)
    size, kind = lib.gguf_get_tensor_size(handle, i), lib.gguf_get_tensor_type(handle, i)
    lib.gguf_free(handle)
    return gguf.GGMLQuantizationType(kind), np.fromfile(path, np.uint8, size, offset=offset)


# Q4_0 and, as 576 has no K-blocks, what stands for the embeddings.
@pytest.mark.parametrize("name", ["blk.0.attn_q.weight", "token_embd.weight"])
def test_the_weights_are_those_of_the_level_to_the_last_bit(written, made, name):
    kind, quantized = tensor(made("Q4_0"), name)
    assert kind.name.startswith("Q")
    plain, values = tensor(written, name)
    assert plain.name == "F32"
    # The formulas of the gguf package, which are not llama.cpp's code.
    expected = gguf.quants.dequantize(quantized, kind)
    assert np.array_equal(expected.view(np.uint32), values.view(np.uint32))


def test_it_is_named_after_its_level(process, written):
    info = process.info([written])
    assert info.label == "SmolLM2-135M-Instruct Q4_0 as F32"
    assert (info.quantization, info.level) == ("F32", "Q4_0 as F32")
    assert info.dequantized_from == SHA256
    assert (info.quantized_from, info.requantized_from) == ("Q4_0", "Q4_1")
    assert list(info.tensor_types) == ["F32"]


def test_what_is_quantized_from_it_are_other_weights(process, written, tmp_path):
    # A quantizer copies what its source says of itself.
    again = process.quantize([written], tmp_path / "x-Q8_0.gguf", "Q8_0", 2)
    info = process.info([again])
    assert (info.label, info.dequantized_from) == ("x Q8_0", "")
    assert (info.quantized_from, info.requantized_from) == ("F32", "Q4_1")
