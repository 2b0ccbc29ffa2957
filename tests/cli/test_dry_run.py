"""`sweep --dry-run`: everything is said, and nothing is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ggufeval.catalog import resolve
from ggufeval.cli import cli

REPO = "o/Tiny-GGUF"
QUESTIONS = ("--task", "sample", "--limit", 32, "--shots", 1)


@pytest.fixture
def dry(monkeypatch, tmp_path: Path):
    """A dry run that finds nothing stored and no level made."""
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path / "cache"))

    def call(*arguments: object) -> Result:
        words = ("sweep", *arguments, "--dry-run", "--db", tmp_path / "new" / "results.sqlite")
        return CliRunner().invoke(cli, [str(word) for word in words])

    return call


def test_a_file_that_is_here(dry, smollm2, tmp_path):
    result = dry(smollm2, "--quants", "Q4_1,Q8_0", *QUESTIONS)

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "Dry run: nothing is downloaded, quantized or stored."
    of_file, of_level = (line for line in lines if line.startswith(("Q4_1 ", "Q8_0 ")))
    assert "on disk" in of_file
    assert " 2,494 " in of_file
    assert "made from Q4_1, 145 MB" in of_level
    assert " 2,494 " in of_level
    assert "Tokens to decode: 4,988 in all." in lines
    said = " ".join(lines)
    assert "Measured now: Q4_1, " in said
    assert "Taken to be as fast as Q4_1: Q8_0." in said
    assert "(32 questions, 1 level against a reference, alpha 0.05)" in said
    assert result.stderr.endswith("Measuring how fast SmolLM2-135M-Instruct Q4_1 is ...\n")
    assert list(tmp_path.iterdir()) == []


def test_files_on_the_hub_are_not_fetched(hub, publish, dry, tmp_path):
    publish(REPO, "tiny-F16.gguf", size=400_000)
    publish(REPO, "tiny-Q8_0.gguf", size=200_000)
    result = dry(REPO, "--quants", "Q8_0,Q2_K", *QUESTIONS)

    assert result.exit_code == 0, result.output
    assert {str(request).partition("?")[0] for request in hub.requests} == {
        f"GET /api/models/{REPO}"
    }
    assert not (tmp_path / "hf").exists()
    assert "Q8_0   download 200 kB" in result.stdout
    assert "Q2_K   made from F16 (download 400 kB)" in result.stdout
    assert "Download: 600 kB in all." in result.stdout
    assert "Time: not known before a file is here" in result.stdout


def test_a_model_in_wheels_is_not_fetched(dry, monkeypatch, tmp_path):
    monkeypatch.setattr(resolve, "fetch", None)
    result = dry("qwen2.5-coder-1.5b-instruct", "--format", "json", *QUESTIONS)

    assert result.exit_code == 0, result.output
    tree = json.loads(result.stdout)
    levels = tree["families"][0]["levels"]
    assert [level["origin"] for level in levels] == ["fetched", "made", "made"]
    assert [level["to_fetch"] for level in levels] == [1_117_320_768, 0, 0]
    assert tree["disks"][0]["needed"] == 1_117_320_768
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_run_says_so(dry, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "page.gguf").write_bytes(b"<html>")
    result = dry(tmp_path / "folder", *QUESTIONS)
    assert result.exit_code == 1
    assert "on disk; would fail" in result.stdout
    assert "a web page" in result.stdout


def test_a_level_that_cannot_be_made_says_so(dry, smollm2):
    result = dry(smollm2, "--quants", "IQ1_S", *QUESTIONS)
    assert result.exit_code == 1
    assert "importance matrix" in " ".join(result.stdout.split())


def test_other_formats_are_refused(dry, smollm2):
    result = dry(smollm2, "--format", "csv", *QUESTIONS)
    assert result.exit_code == 2
    assert "--format csv: a dry run is told as table or json." in result.stderr


def test_a_reference_that_will_not_be_there_is_refused(dry, smollm2):
    result = dry(smollm2, "--reference", "Q9_9", *QUESTIONS)
    assert result.exit_code == 2
    assert "one of the levels was expected" in result.stderr
