from __future__ import annotations

from pathlib import Path

import pytest

from ggufeval.errors import ModelError
from ggufeval.llama.client import ModelProcess
from ggufeval.types import ImportanceMatrix


@pytest.fixture(scope="module")
def process():
    with ModelProcess() as worker:
        yield worker


def test_what_a_file_says_of_itself(process, smollm2: Path):
    details = process.details([smollm2], "abc")
    assert details.info == process.info([smollm2], "abc")
    assert details.name == "Smollm2 135M 8k Lc100K Mix1 Ep2"
    assert details.licence == "apache-2.0"
    assert details.quantized_by == ""
    assert details.imatrix is None
    assert (details.n_layers, details.n_embd) == (30, 576)
    assert (details.n_heads, details.n_heads_kv) == (9, 3)
    assert (details.tokenizer, details.pre_tokenizer) == ("gpt2", "smollm")
    assert details.n_vocab == 49_152
    assert (details.bos, details.eos) == ("<|im_start|>", "<|im_end|>")
    assert not details.adds_bos
    assert details.template is not None
    assert len(details.template.source) == 368
    assert not details.template_takes_date


def test_who_quantized_it_and_how(process, with_metadata):
    path = with_metadata(
        {
            "general.quantized_by": "somebody",
            "quantize.imatrix.file": "/out/imatrix.dat",
            "quantize.imatrix.dataset": "calibration.txt",
            "quantize.imatrix.entries_count": 210,
            "quantize.imatrix.chunks_count": 128,
        },
    )
    details = process.details([path])
    assert details.quantized_by == "somebody"
    assert details.imatrix == ImportanceMatrix("/out/imatrix.dat", "calibration.txt", 210, 128)
    assert details.info.imatrix == "imatrix.dat"


def test_a_vocabulary_without_weights_is_refused(process, vocabulary: Path):
    with pytest.raises(ModelError, match="vocabulary without weights"):
        process.details([vocabulary])
