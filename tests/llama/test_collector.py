from __future__ import annotations

from pathlib import Path

import pytest

from ggufeval.errors import DataError, ModelError
from ggufeval.llama import capi
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.imatrix import read

COUNTING = "".join(f"{i} comes after {i - 1}. " for i in range(1, 131))
# llama.cpp's own llama-imatrix over COUNTING, built from the sources of llama-cpp-python 0.3.36:
# `-m SmolLM2-135M-Instruct.Q4_1.gguf -f count.txt -c 512 -b 512`. The sum of all columns, the
# greatest column, and its sum.
FIGURES = {
    "blk.0.attn_q.weight": (1079.41584, 260, 104.632645),
    "blk.15.attn_output.weight": (72765.3756, 347, 1927.63110),
    "blk.29.ffn_down.weight": (16402283.6, 675, 1150084.88),
}


def test_the_figures_of_llama_cpps_own_tool(smollm2: Path, tmp_path: Path):
    (tmp_path / "count.txt").write_text(COUNTING)
    steps = []
    with ModelProcess() as process:
        process.imatrix(
            smollm2,
            tmp_path / "count.txt",
            tmp_path / "imatrix.gguf",
            2,
            progress=lambda *step: steps.append(step),
        )
    capi.start()
    found = read(tmp_path / "imatrix.gguf")
    assert steps == [(1, 2), (2, 2)]
    assert (len(found.entries), found.n_chunks, found.chunk_size) == (210, 2, 512)
    assert found.datasets == ("count.txt",)
    assert {entry.counts.item() for entry in found.entries.values()} == {1024}
    # Other machines have other kernels, whose roundings differ.
    for name, (total, column, greatest) in FIGURES.items():
        sums = found.entries[name].sums[0].astype(float)
        assert sums.sum() == pytest.approx(total, rel=0.01)
        assert sums.argmax() == column
        assert sums.max() == pytest.approx(greatest, rel=0.01)


@pytest.fixture
def refused(smollm2, tmp_path: Path):
    """What is said of a text, and of a model that is not SmolLM2."""

    def call(content: bytes, model: Path = smollm2) -> str:
        text, target = tmp_path / "text.txt", tmp_path / "imatrix.gguf"
        text.write_bytes(content)
        with ModelProcess() as process, pytest.raises((DataError, ModelError)) as caught:
            process.imatrix(model, text, target, 2)
        assert not target.exists()
        return str(caught.value)

    return call


def test_a_text_that_is_too_short(refused):
    assert "text.txt: a text of at least 1,024 tokens was expected, found 2" in refused(b"So it")


def test_a_text_that_is_none(refused):
    assert "text.txt: a text was expected, but it cannot be read: it is not" in refused(b"\xff\xfe")


def test_a_model_with_experts(refused, with_metadata):
    model = with_metadata({"llama.expert_count": 8})
    message = refused(COUNTING.encode(), model)
    assert "a model without experts was expected, found one with 8" in message
