"""Models of random weights: their shapes, their files, and their way through a whole sweep."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

import make_model
import numpy as np
import pytest
from click.testing import CliRunner

from ggufeval.cli import cli
from ggufeval.llama import capi
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.model import Model
from ggufeval.store import Store
from ggufeval.types import Span

N_VOCAB = 128_256
LEVELS = {"meta": ("F16", "Q8_0", "Q4_K_M", "Q2_K"), "mmlu": ("Q4_K_M",), "chat": ("Q4_K_M",)}
"""By prompt style."""


def n_weights(tensor: make_model.Tensor) -> int:
    if isinstance(tensor, make_model.Vector):
        return tensor.values.size
    return tensor.rows * tensor.columns


@pytest.mark.parametrize(
    ("name", "parameters", "rotations"),
    [("llama-3.2-1b", 1_235_814_400, 32), ("llama-3.2-3b", 3_212_749_824, 64)],
)
def test_the_real_shapes_have_their_number_of_weights(name, parameters, rotations):
    tensors = make_model.tensors(make_model.SHAPES[name], N_VOCAB)
    assert sum(n_weights(tensor) for tensor in tensors) == parameters + rotations


def test_rotations_are_scaled_by_their_wavelength():
    """Those of up to 2,048 tokens are kept, those of over 8,192 divided by 32."""
    shape = make_model.SHAPES["llama-3.2-1b"]
    factors = make_model.rope_factors(shape)
    wavelengths = 2 * math.pi * shape.rope_base ** (np.arange(0, 64, 2) / 64)
    assert set(factors[wavelengths < 2048]) == {1.0}
    assert set(factors[wavelengths > 8192]) == {32.0}
    between = factors[(wavelengths >= 2048) & (wavelengths <= 8192)]
    assert len(between) == 3
    assert all((between > 1) & (between < 32))


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16"])
def test_a_file_is_what_it_was_asked_to_be(vocabulary: Path, tmp_path: Path, kind):
    """SmolLM2's vocabulary, and no template but its own."""
    shape = make_model.Shape(1, 64, 2, 1, 32, 512, rope_factor=8.0, tied=True)
    path = tmp_path / f"small-{kind}.gguf"
    make_model.write(path, shape, vocabulary, kind=kind)
    with ModelProcess() as process:
        info = process.info([path])
    assert (info.quantization, info.context_length) == (kind, 512)
    vectors = 16 + 3 * 64
    matrices = 49_152 * 64 + 64 * (64 + 32 + 32 + 64) + 3 * 64 * 32
    types = {"F32": vectors + matrices} if kind == "F32" else {kind: matrices, "F32": vectors}
    assert info.tensor_types == types
    capi.start()
    spans = [Span("<|im_start|>", control=True), Span("Paris 2024, naïve")]
    with Model(path, vocab_only=True) as made, Model(vocabulary, vocab_only=True) as origin:
        assert made.tokenize(spans) == origin.tokenize(spans)
        assert made.chat_template == origin.chat_template


def test_a_seed_gives_a_file(vocabulary: Path, tmp_path: Path):
    shape = make_model.Shape(1, 64, 2, 1, 32, 512, tied=True)
    contents = []
    for i, seed in enumerate((0, 0, 1)):
        (tmp_path / str(i)).mkdir()
        path = tmp_path / str(i) / "small.gguf"
        make_model.write(path, shape, vocabulary, seed=seed)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_a_matrix_is_drawn_in_pieces_of_any_size(monkeypatch):
    matrix = make_model.Matrix("m", 100, 64, 0.5)
    kind = make_model.GGMLQuantizationType.F16
    whole = make_model.draw(matrix, kind, np.random.default_rng(0))
    monkeypatch.setattr(make_model, "_CHUNK", 64 * 7)
    assert (make_model.draw(matrix, kind, np.random.default_rng(0)) == whole).all()
    assert whole.view(np.float16).std() == pytest.approx(0.5, rel=0.05)


def test_llama_3s_tokens_go_through_a_sweep(llama3_tiny: Path, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path / "cache"))
    database = tmp_path / "results.sqlite"
    command = ["sweep", str(llama3_tiny), "--task", "sample", "--limit", "16", "--shots", "1"]
    for style, levels in LEVELS.items():
        options = ["--prompt", style, "--quants", ",".join(levels), "--db", str(database)]
        done = CliRunner().invoke(cli, [*command, *options])
        assert done.exit_code == 0, done.output
    with Store.open(database, read_only=True) as store:
        results = [store.result(run.id) for run in store.runs()]
    found = {(r.run.fingerprint.prompt_style, r.run.model.quantization): r for r in results}
    assert found.keys() == {(style, level) for style in LEVELS for level in LEVELS[style]}
    for result in results:
        assert len(result.records) == 16
        logits = array("d", [x for record in result.records for x in record.letter_logits])
        assert all(math.isfinite(logit) for logit in logits)
        assert len(set(logits)) > 32
        assert len({record.letter for record in result.records}) > 1
    for level, types in {"Q4_K_M": {"Q4_K", "Q6_K"}, "Q2_K": {"Q2_K", "Q3_K", "Q6_K"}}.items():
        info = found["meta", level].run.model
        assert set(info.tensor_types) - {"F32"} == types
        assert info.nominal_share > 0.5
