"""`models show`: what a file says of itself."""

from __future__ import annotations

import json

from click.testing import CliRunner

from ggufeval.cli import cli


def show(*arguments):
    return CliRunner().invoke(cli, ["models", "show", *map(str, arguments)])


def test_a_file(smollm2):
    result = show(smollm2)
    assert result.exit_code == 0, result.output
    for line in (
        "architecture    llama, 30 layers, 576 wide, 9 heads (3 for keys and values)",
        "parameters      134,515,008",
        "context         8,192 tokens",
        "quantization    Q4_1",
        "tensor types    Q4_1 79%, Q8_0 21%",
        "BOS             <|im_start|>, not added",
        "sha256          b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ):
        assert line in result.stdout.splitlines()
    assert max(len(line) for line in result.stdout.splitlines()[1:]) <= 80


def test_a_level_that_was_made(made):
    result = show(made("Q4_0"))
    assert "quantization    Q4_0, made here from Q4_1\n" in result.stdout


def test_a_level_that_was_not_made_yet(monkeypatch, smollm2, tmp_path):
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path))
    folder = tmp_path / "models" / "smollm2-135m-instruct"
    folder.mkdir(parents=True)
    (folder / smollm2.name).symlink_to(smollm2)
    result = show("smollm2-135m-instruct:Q2_K")
    assert result.exit_code == 2
    assert "SmolLM2-135M-Instruct Q2_K was not made yet." in result.stderr


def test_as_json(smollm2):
    facts = json.loads(show(smollm2, "--format", "json").stdout)
    assert facts["model"]["info"]["n_params"] == 134_515_008
    assert facts["memory"]["mapped"] > 0


def test_a_level_of_the_hub_that_is_made_here(hub, publish):
    """The cache lacks it, and llama.cpp knows it: that is no unknown quantization."""
    repository = "bartowski/Llama-3.2-1B-Instruct-GGUF"
    publish(repository, "Llama-3.2-1B-Instruct-F16.gguf", size=3000)
    pulled = CliRunner().invoke(cli, ["models", "pull", "llama-3.2-1b-instruct:F16"])
    assert pulled.exit_code == 0, pulled.output
    result = show("llama-3.2-1b-instruct:Q2_K")
    assert "knows no such quantization" not in result.stderr
