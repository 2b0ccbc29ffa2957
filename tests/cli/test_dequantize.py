"""`--dequantize`: quantized levels with their weights written out."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ggufeval import api, dequantized, making
from ggufeval.api import choice
from ggufeval.catalog.files import file_sha256
from ggufeval.catalog.resolve import resolve
from ggufeval.cli import cli
from ggufeval.errors import ModelError
from ggufeval.runner import ModelFiles

from .test_compare import level

QUESTIONS = ("--task", "sample", "--subjects", "marketing", "--limit", 4, "--shots", 0)


def call(*arguments: object):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GGUFEVAL_CACHE", str(folder))
        yield folder / "models" / "dequantized"


@pytest.fixture(scope="module")
def command(made, tmp_path_factory):
    database = tmp_path_factory.mktemp("study") / "results.sqlite"
    return (made("Q4_0"), "--dequantize", "F32", *QUESTIONS, "--db", database)


@pytest.fixture(scope="module")
def swept(cache, command):
    """Q4_0, and Q4_0 with its weights written out."""
    result = call("sweep", *command)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def written(swept, cache) -> Path:
    (path,) = cache.iterdir()
    return path


def test_a_quantized_level_is_run_once_more(swept):
    lines = swept.stdout.splitlines()
    assert "reference SmolLM2-135M-Instruct Q4_0;" in swept.stdout.replace("\n", " ")
    rows = [line for line in lines if line.startswith("Q4_0")]
    assert rows[0].startswith("Q4_0† ")
    assert rows[1].startswith("Q4_0 as F32† ")
    assert "as F32: the level's weights written out in F32, exactly." in swept.stdout


def test_its_size_is_told_before_it_is_written(swept):
    said = "Writing out the weights of SmolLM2-135M-Instruct Q4_0 as F32: 0.54 GB ("
    assert swept.stderr.count("Writing out") == 1
    assert swept.stderr.index(said) < swept.stderr.index("SmolLM2-135M-Instruct Q4_0 as F32: 4 of")


def test_a_file_of_the_same_content_finds_them(written, made):
    source = made("Q4_0")
    sha256 = file_sha256(source)
    assert written.name == f"SmolLM2-135M-Instruct-Q4_0-{sha256[:12]}-F32.gguf"
    other = ModelFiles((source.with_name("copy.gguf"),), sha256)
    assert dequantized.path(other, "F32") == written
    assert dequantized.path(other, "F16").name == f"copy-{sha256[:12]}-F16.gguf"


def test_a_finished_run_needs_no_file(written, command):
    first = call("run", *command, "--no-keep")
    assert first.exit_code == 0, first.output
    assert not written.exists()
    again = call("run", *command)
    assert again.stdout == first.stdout
    assert "Writing out" not in first.stderr + again.stderr
    assert not written.exists()


def test_full_precision_and_what_cannot_be_read_are_left_alone(made, tmp_path):
    broken = tmp_path / "broken-Q8_0.gguf"
    broken.write_bytes(made("Q4_0").read_bytes()[:1_000_000])
    levels = making.levels([resolve(str(path)) for path in (made("F16"), broken)])
    levels = (*levels, making.Level(levels[0].source, "Q2_K"))
    beside = making.with_written_out(levels, "F16", beside=True, kept=True)
    assert [level.name for level in beside] == ["F16", "Q8_0", "Q2_K", "Q2_K as F16"]
    instead = making.with_written_out(levels, "F32", beside=False, kept=False)
    assert [level.name for level in instead] == ["F16", "Q8_0", "Q2_K as F32"]
    assert [level.kept for level in instead] == [True, True, False]
    assert instead[-1].label == "SmolLM2-135M-Instruct Q2_K as F32"


def test_what_is_not_kept_goes_also_when_its_run_fails(made, cache):
    (level,) = making.levels([resolve(str(made("Q4_0")))])
    level = replace(level, written_out="F16", kept=False)
    with contextlib.suppress(ModelError), making.at_hand(level, 2, lambda _: None) as model:
        (path,) = cache.glob("*-F16.gguf")
        assert model == ModelFiles((path,), file_sha256(path))
        raise ModelError("refused")
    assert not path.exists()


def test_f16_says_that_it_rounds(made):
    (level,) = making.levels([resolve(str(made("Q4_0")))])
    said = []

    def written_out(quantization):
        chosen = (replace(level, quantization=quantization),)
        api.written_out(chosen, "f16", beside=False, keep=True, say=said.append)

    written_out("Q2_K")
    assert said == ["Note: F16 rounds the weights once more as they are written out; f32 is exact."]
    written_out("F32")
    assert len(said) == 1


def test_no_keep_alone_is_refused(tmp_path):
    for name in ("run", "sweep"):
        result = call(name, tmp_path / "no.gguf", "--no-keep")
        assert result.exit_code == 2
        assert "--no-keep is about written-out weights: add --dequantize" in result.output


def run_of(name, bits, **facts):
    run = level(name, bits)
    return replace(run, id=f"run-{name}", model=replace(run.model, **facts))


def test_written_out_weights_are_no_reference_by_themselves():
    # Q8_0 itself was made from a lossy file.
    q8 = run_of("Q8_0", 8.5, requantized_from="Q4_1")
    made_from = {"requantized_from": "Q4_1", "quantized_from": "Q8_0", "quantization": "F32"}
    twin = run_of("twin", 32.0, dequantized_from="Q8_0", **made_from)
    f32 = run_of("F32", 32.0)
    assert choice.choose_reference([twin, q8], None) == q8
    assert choice.choose_reference([twin, q8, f32], "f32") == f32
    assert choice.choose_reference([twin, q8, f32], "q8_0 as f32") == twin


def test_they_stand_behind_their_level():
    runs = [run_of("Q2_K", 3.0), run_of("F16", 16.0), run_of("Q8_0", 8.5)]
    twins = [
        run_of(f"{name} as F32", 32.0, dequantized_from=name) for name in ("Q2_K", "Q8_0", "gone")
    ]
    ordered = [run.id.removeprefix("run-") for run in choice.ordered([*twins, *runs])]
    assert ordered == ["gone as F32", "F16", "Q8_0", "Q8_0 as F32", "Q2_K", "Q2_K as F32"]
