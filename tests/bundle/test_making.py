"""A level that a study quantized with an importance matrix, quantized again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ggufeval import runner, tasks
from ggufeval.bundle.writing import write
from ggufeval.catalog.files import file_sha256
from ggufeval.cli import cli
from ggufeval.llama.imatrix import Entry, ImatrixFile
from ggufeval.llama.imatrix import write as write_matrix
from ggufeval.store import Store


def trees(done):
    return json.loads(done.stdout)["runs"]


@pytest.fixture
def own_level(small_f16, tmp_path, monkeypatch):
    """A study of one's own file and of a level that was quantized from it with an importance
    matrix: the bundle, the file, the matrix and the level."""
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path / "cache"))
    source, matrix = tmp_path / "own" / "mine-F16.gguf", tmp_path / "own" / "weights.gguf"
    source.parent.mkdir()
    source.symlink_to(small_f16.parts[0])
    random = np.random.default_rng(0)
    # One entry: a matrix makes the quantizer slow, and what it says nothing of is made as usual.
    entry = Entry(random.random((1, 576), np.float32), np.array([512], np.float32))
    write_matrix(ImatrixFile({"blk.3.attn_q.weight": entry}, ("text",), 7, 512), matrix)

    def call(*arguments):
        done = CliRunner().invoke(cli, [*map(str, arguments), "--quiet"])
        assert done.exit_code == 0, done.output
        return done.stdout

    types = ("--token-embedding-type", "q8_0", "--allow-requantize")
    level = Path(call("quantize", source, "--to", "Q4_0", "--imatrix", matrix, *types).strip())
    questions = tasks.load("sample", None, subjects=("anatomy",), limit=4, shots=0)
    with Store.open(tmp_path / "own.sqlite") as store:
        options = runner.Options(shots=0, n_threads=2)
        runs = [
            runner.evaluate(
                runner.ModelFiles((path,), file_sha256(path)), questions, store, options
            )
            for path in (source, level)
        ]
        write(store, runs, tmp_path / "own.ggb", with_text=None)
    return tmp_path / "own.ggb", source, matrix, level


def test_a_level_made_with_an_importance_matrix_is_made_again(own_level, reproduce):
    """From the file of another run, with a matrix that is called otherwise here."""
    path, source, matrix, level = own_level
    level.unlink()
    moved = matrix.rename(source.with_name("calibration.dat"))
    done = reproduce(path, "--format", "json", models=source.parent)
    assert done.exit_code == 0, done.output
    assert [run["outcome"] for run in trees(done)] == ["identical"] * 2
    assert trees(done)[1]["differences"] == []
    assert level.is_file()

    level.unlink()
    digest = file_sha256(moved)[:8]
    moved.write_bytes(moved.read_bytes() + b"\0")
    done = reproduce(path, "--format", "json", models=source.parent)
    assert [run["outcome"] for run in trees(done)] == ["identical", "not run"]
    assert (
        f"its importance matrix, weights.gguf (sha256 {digest}...), which was looked for in "
        f"{source.parent}, and is not there: name the folder" in trees(done)[1]["why"]
    )
