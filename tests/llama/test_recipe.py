from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ggufeval.errors import ModelError, UsageError
from ggufeval.llama import capi, gguf, recipe, tensor_types
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.imatrix import Entry, ImatrixFile, write
from ggufeval.types import ImportanceMatrix, Recipe

TEXT = "calibration.txt"


@pytest.fixture(autouse=True)
def started():
    capi.start()


@pytest.fixture
def matrix(tmp_path: Path) -> Callable[[dict[str, int]], Path]:
    """A matrix with so many values for each of these weights."""

    def make(sizes: dict[str, int]) -> Path:
        random = np.random.default_rng(0)
        entries = {
            name: Entry(random.random((1, n), np.float32), np.array([512], np.float32))
            for name, n in sizes.items()
        }
        path = tmp_path / "imatrix-of-mine.gguf"
        write(ImatrixFile(entries, (TEXT,), 7, 512), path)
        return path

    return make


def sizes_of(path: Path) -> dict[str, int]:
    """Of SmolLM2's weights that an importance matrix is about."""
    shapes = gguf.shapes([path])
    return {name: ne[0] for name, ne in shapes.items() if name.startswith("blk.") and ne[1] > 1}


# --- types ---


def test_nominal_bits_are_those_of_the_type_that_the_name_promises():
    bits = tensor_types.makeable()
    # 32 weights of 8 bits and a scale of 16; 256 of 4 bits, 8 scales and minima of 6, two of 16.
    assert bits["Q8_0"] == (32 * 8 + 16) / 32
    assert bits["Q4_K_M"] == bits["Q4_K_S"] == (256 * 4 + 8 * 12 + 32) / 256
    assert (bits["F32"], bits["BF16"]) == (32, 16)
    assert bits["IQ2_S"] == bits["IQ2_XS"] < bits["IQ2_M"]


def test_a_type_that_the_headers_name_and_the_quantizer_refuses_is_not_offered():
    assert "NVFP4" in capi.quantization_types()
    assert "NVFP4" not in tensor_types.makeable()


def test_an_unknown_tensor_type_offers_the_nearest(smollm2: Path):
    with pytest.raises(UsageError, match=r"no tensor to 'Q7_K'\. Did you mean .*Q6_K"):
        recipe.terms(Recipe(output_type="Q7_K"), [smollm2])


def test_a_type_that_only_activations_have_is_none(smollm2: Path):
    with pytest.raises(UsageError, match="no tensor to 'Q8_K'"):
        recipe.terms(Recipe(embedding_type="Q8_K"), [smollm2])


def test_rows_that_blocks_do_not_divide(smollm2: Path):
    with pytest.raises(ModelError, match=r"token_embd\.weight has rows of 576 .* Q6_K's blocks"):
        recipe.terms(Recipe(embedding_type="q6_K"), [smollm2])


def test_two_types_for_the_one_tensor_that_is_both(smollm2: Path):
    with pytest.raises(UsageError, match=r"output matrix is that of the token embeddings"):
        recipe.terms(Recipe(output_type="Q8_0", embedding_type="Q4_0"), [smollm2])


def test_a_type_that_ggml_makes_with_a_matrix_only(llama3_tiny: Path):
    with pytest.raises(ModelError, match=r"token_embd\.weight cannot be made IQ2_XS without"):
        recipe.terms(Recipe(embedding_type="IQ2_XS"), [llama3_tiny])


# --- matrices ---


def test_a_matrix_with_names_that_the_model_does_not_have(matrix, smollm2: Path):
    path = matrix({**sizes_of(smollm2), "blk.30.attn_q.weight": 576})
    with pytest.raises(
        ModelError, match=r"another model, as it has .* \(blk\.30\.attn_q\.weight\)"
    ):
        recipe.terms(Recipe(imatrix=path), [smollm2])


def test_a_matrix_of_another_width(matrix, smollm2: Path):
    path = matrix({**sizes_of(smollm2), "blk.0.attn_q.weight": 2048})
    with pytest.raises(
        ModelError, match=r"2,048 values for blk\.0\.attn_q\.weight, which has 576 columns"
    ):
        recipe.terms(Recipe(imatrix=path), [smollm2])


def test_a_level_made_with_a_matrix_and_its_own_types(matrix, smollm2: Path, tmp_path: Path):
    name = "blk.15.attn_q.weight"
    # One entry: a matrix makes the quantizer slow, and what it says nothing of is made as usual.
    mine = Recipe(imatrix=matrix({name: 576}), output_type="F16")
    with ModelProcess() as process:
        plain = process.quantize([smollm2], tmp_path / "plain.gguf", "Q4_0", 2)
        level = process.quantize([smollm2], tmp_path / "level.gguf", "Q4_0", 2, mine)
        details = process.details([level])
        # What the level says is not true of what is made from it.
        later = process.info([process.quantize([level], tmp_path / "later.gguf", "Q4_0", 2)])
    assert details.info.imatrix == "imatrix-of-mine.gguf"
    assert details.imatrix == ImportanceMatrix("imatrix-of-mine.gguf", TEXT, 1, 7)
    assert details.info.requantized_from == "Q4_1"
    assert set(details.info.tensor_types) == {"Q4_0", "Q4_1", "F16", "F32"}
    assert (later.quantized_from, later.imatrix) == ("Q4_0", "")
    assert tensor(level, name) != tensor(plain, name)
    assert len(tensor(level, name)) == len(tensor(plain, name))
    assert tensor(level, "blk.15.attn_k.weight") == tensor(plain, "blk.15.attn_k.weight")


def tensor(path: Path, name: str) -> bytes:
    lib = capi.ggml()
    with gguf.opened(path) as handle, path.open("rb") as file:
        names = [lib.gguf_get_tensor_name(handle, i) for i in range(lib.gguf_get_n_tensors(handle))]
        i = names.index(name.encode())
        file.seek(lib.gguf_get_data_offset(handle) + lib.gguf_get_tensor_offset(handle, i))
        return file.read(lib.gguf_get_tensor_size(handle, i))
