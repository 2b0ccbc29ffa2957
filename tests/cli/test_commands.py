"""The commands one after another, as a user has them: sweep, then all that reads its results."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ggufeval.cli import cli


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def ok(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def swept(folder: Path, made) -> Result:
    """A sweep of two levels over 32 embedded questions."""
    return run(
        *("sweep", made("F16"), made("Q4_0"), "--task", "sample", "--limit", 32, "--shots", 1),
        *("--db", folder / "results.sqlite"),
    )


@pytest.fixture
def database(swept: Result, folder: Path) -> Path:
    assert swept.exit_code == 0, swept.output
    return folder / "results.sqlite"


def test_sweep_prints_one_comparison_of_both_levels(swept):
    assert swept.exit_code == 0, swept.output
    assert "sample: 32 of 160 questions, 16 subjects" in swept.stdout
    assert "F16" in swept.stdout
    assert "Q4_0" in swept.stdout
    assert "Reference at chance" in swept.stdout
    assert max(map(len, swept.stdout.splitlines())) <= 80


def test_sweep_tells_its_progress_and_where_things_are(swept, folder):
    assert "SmolLM2-135M-Instruct Q4_0: 32 of 32 questions" in swept.stderr
    assert str(folder / "report.html") in swept.stderr


def test_the_report_is_one_file_that_asks_nobody(database, folder):
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "<html" in text
    assert "Q4_0" in text
    assert "<script src" not in text


def test_quiet_is_quiet(database, made, folder):
    result = run(
        *("sweep", made("F16"), made("Q4_0"), "--task", "sample", "--limit", 32, "--shots", 1),
        *("--db", database, "-q", "--format", "json"),
    )
    assert result.exit_code == 0
    assert result.stderr == ""
    assert json.loads(result.stdout)["schema"] == 1


def test_runs_lists_both(database):
    out = ok("runs", "--db", database)
    assert "F16" in out
    assert " 32 " in out


def test_compare_takes_the_last_sweep_and_another_reference(database):
    table = json.loads(ok("compare", "--db", database, "--format", "json", "--reference", "Q4_0"))
    labels = [row["model"] for row in table["models"]]
    assert labels == ["SmolLM2-135M-Instruct Q4_0", "SmolLM2-135M-Instruct F16"]


def test_an_unknown_reference_lists_the_runs(database):
    result = run("compare", "--db", database, "--reference", "Q9")
    assert result.exit_code == 2
    assert "SmolLM2-135M-Instruct F16" in result.stderr


@pytest.mark.parametrize("name", ["csv", "md"])
def test_other_formats(database, name):
    assert "Q4_0" in ok("compare", "--db", database, "--format", name)


def test_show_tells_the_conditions(database):
    run_id = ok("runs", "--db", database).split()
    run_id = next(word for word in run_id if len(word) == 12 and word.isalnum())
    out = ok("show", run_id, "--db", database)
    assert "32 of 32" in out
    assert '"prompt_style": "mmlu"' in out


def test_show_one_question(database):
    run_id = next(
        word for word in ok("runs", "--db", database).split() if len(word) == 12 and word.isalnum()
    )
    rows = pd.read_csv(export(database, "csv")).to_dict("records")
    out = ok("show", run_id, "--question", rows[0]["question_id"], "--db", database)
    assert "* the right one" in out
    assert "A. " in out


def export(database: Path, suffix: str) -> Path:
    path = database.with_name(f"records.{suffix}")
    ok("export", "-o", path, "--db", database)
    return path


def test_export_writes_a_row_a_record(database):
    frame = pd.read_parquet(export(database, "parquet"))
    assert len(frame) == 64
    lines = export(database, "jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 64
    assert json.loads(lines[0])["question_id"] == frame["question_id"][0]


@pytest.mark.parametrize("suffix", ["html", "md", "json", "csv"])
def test_report_writes_by_the_files_ending(database, suffix):
    path = database.with_name(f"again.{suffix}")
    ok("report", "-o", path, "--db", database)
    assert "Q4_0" in path.read_text(encoding="utf-8")


def test_run_stores_and_prints_ids_that_compare_takes(made, tmp_path):
    database = tmp_path / "own.sqlite"
    questions = tmp_path / "own.jsonl"
    rows = [
        {"question": f"What is {i} + 1?", "choices": [str(i), str(i + 1)], "answer": 1}
        for i in range(20)
    ]
    questions.write_text("\n".join(map(json.dumps, rows)))
    out = ok(
        *("run", made("F16"), made("Q4_0"), "--data", questions, "--shots", 0, "--db", database)
    )
    first, second = out.split()
    table = json.loads(ok("compare", first, second, "--db", database, "--format", "json"))
    assert table["chance"] == pytest.approx(0.5)


def test_quantize_prints_the_path_of_the_level(made, tmp_path, monkeypatch):
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path))
    path = Path(ok("quantize", made("F16"), "--to", "Q8_0", "--allow-requantize", "-q").strip())
    assert path.name == "SmolLM2-135M-Instruct-Q8_0.gguf"
    assert path.stat().st_size == 144_811_136 or path.stat().st_size > 140e6


def test_quantize_lists_what_it_makes_without_a_source():
    lines = ok("quantize", "--list-types").splitlines()
    types = dict(line.split() for line in lines[: lines.index("")])
    assert (types["Q8_0"], types["Q4_K_M"], types["F16"]) == ("8.5", "4.5", "16")
    assert list(types.values()) == sorted(types.values(), key=float, reverse=True)
    assert lines[-1].startswith("Bits per weight of the tensor type that the name promises")


def test_a_level_of_other_tensor_types_is_made_from_the_source_under_its_own_name(
    made, tmp_path, monkeypatch
):
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path))
    arguments = ("--output-tensor-type", "q8_0", "--allow-requantize", "-q")
    path = Path(ok("quantize", made("Q4_0"), "--to", "Q4_0", *arguments).strip())
    assert path.name == "SmolLM2-135M-Instruct-output-q8_0-Q4_0.gguf"


def test_models_lists_the_catalogue():
    out = ok("models")
    assert "smollm2-135m-instruct" in out
    assert "qwen2.5-coder-1.5b-instruct" in out


def test_one_failure_among_others_is_exit_status_1(made, tmp_path):
    broken = tmp_path / "broken-Q8_0.gguf"
    broken.write_bytes(made("F16").read_bytes()[:20_000_000])
    result = run(
        *("sweep", broken, made("Q4_0"), "--task", "sample", "--limit", 16, "--shots", 0),
        *("--db", tmp_path / "results.sqlite"),
    )
    assert result.exit_code == 1
    assert "Failed: broken Q8_0: " in result.stderr
    assert "Q4_0" in result.stdout
