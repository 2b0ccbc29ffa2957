from __future__ import annotations

from pathlib import Path

import pytest

from ggufeval.errors import ModelError
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.gguf import nominal_types


@pytest.fixture(scope="module")
def process():
    with ModelProcess() as worker:
        yield worker


def test_facts_are_read_from_the_tensors(process, smollm2: Path):
    info = process.info([smollm2], "abc")
    assert info.label == "SmolLM2-135M-Instruct Q4_1"
    assert info.sha256 == "abc"
    assert info.architecture == "llama"
    assert info.n_params == 134_515_008
    assert info.quantization == "Q4_1"
    assert info.tensor_types == {"Q4_1": 106_168_320, "Q8_0": 28_311_552, "F32": 35_136}
    assert info.bits_per_weight == pytest.approx(5.7437, abs=1e-4)
    assert info.nominal_share == pytest.approx(0.7893, abs=1e-4)
    assert info.context_length == 8192
    assert info.requantized_from == info.quantized_from == info.imatrix == ""


def test_a_level_made_from_a_lossy_file_says_so(process, made):
    info = process.info([made("F16")])
    assert info.requantized_from == info.quantized_from == "Q4_1"


MATRIX = "quantize.imatrix"


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({f"{MATRIX}.file": "/models_out/Llama-3.2/imatrix.dat"}, "imatrix.dat"),
        ({f"{MATRIX}.file": r"C:\models\imatrix.gguf", f"{MATRIX}.dataset": "x"}, "imatrix.gguf"),
        ({f"{MATRIX}.dataset": "calibration_datav3.txt"}, "calibration_datav3.txt"),
        ({f"{MATRIX}.entries_count": 112}, "unnamed"),
        ({"ggufeval.quantized_from": "F16", f"{MATRIX}.file": "imatrix.dat"}, ""),
        ({"ggufeval.requantized_from": "Q4_0", f"{MATRIX}.file": "imatrix.dat"}, ""),
    ],
)
def test_an_importance_matrix_has_a_name_and_is_not_inherited(
    process, with_metadata, metadata, name
):
    assert process.info([with_metadata(metadata)]).imatrix == name


def test_rows_that_do_not_fit_fall_back_to_other_types_and_show(process, made):
    # 576 is no multiple of 256: hardly any tensor of SmolLM2 can be Q2_K.
    info = process.info([made("Q2_K")])
    assert info.quantization == "Q2_K"
    assert info.nominal_share < 0.5
    assert info.tensor_types["Q4_0"] > 0.5 * info.n_params


def test_a_truncated_file_is_refused_with_both_sizes(process, smollm2: Path, tmp_path: Path):
    short = tmp_path / "short.gguf"
    short.write_bytes(smollm2.read_bytes()[:50_000_000])
    with pytest.raises(
        ModelError, match=r"truncated: its tensors need 98,362,432 bytes, .*50,000,"
    ):
        process.info([short])


def test_a_file_cut_in_its_header_is_refused(process, smollm2: Path, tmp_path: Path):
    short = tmp_path / "short.gguf"
    short.write_bytes(smollm2.read_bytes()[:1000])
    with pytest.raises(ModelError, match="its header cannot be read"):
        process.info([short])


def test_a_vocabulary_without_weights_is_refused(process, vocabulary: Path):
    with pytest.raises(ModelError, match="vocabulary without weights"):
        process.info([vocabulary])


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        ("Q4_K_M", ("Q4_K",)),
        ("Q3_K_L", ("Q3_K",)),
        ("Q2_K", ("Q2_K",)),
        ("Q6_K", ("Q6_K",)),
        ("Q8_0", ("Q8_0",)),
        ("IQ4_XS", ("IQ4_XS",)),
        ("IQ3_XS", ("IQ3_S", "IQ3_XXS")),
        ("IQ3_M", ("IQ3_S",)),
        ("IQ2_M", ("IQ2_S",)),
        ("F16", ("F16",)),
    ],
)
def test_the_nominal_types_of_a_quantization(quantization: str, expected: tuple[str, ...]):
    assert nominal_types(quantization) == expected
