"""What people get wrong: one clear sentence, exit status 2, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ggufeval.cli import cli
from ggufeval.llama.client import ModelProcess
from ggufeval.tasks import load

with ModelProcess() as _process:
    _CAN_OFFLOAD = _process.machine().supports_gpu_offload


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def refused(result: Result) -> str:
    """The message of a run that was refused as it should be."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, result.stderr
    assert not isinstance(result.exception, Exception)
    return lines[0]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "results.sqlite"


@pytest.fixture
def sweep(smollm2, database):
    """A sweep of SmolLM2 with further arguments."""

    def call(*arguments: object, model: object = smollm2) -> str:
        return refused(run("sweep", model, "--db", database, "-q", *arguments))

    return call


# --- models ---


def test_no_such_file(sweep):
    assert "no such file" in sweep("--task", "sample", model="nowhere.gguf")


def test_a_name_that_is_nearly_one(sweep):
    message = sweep("--task", "sample", model="smollm2-135m-instuct")
    assert "smollm2-135m-instruct" in message


def test_not_a_gguf(sweep, tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    message = sweep("--task", "sample", model=path)
    assert "zip archive" in message
    assert "convert_hf_to_gguf.py" in message


def test_a_truncated_gguf(sweep, smollm2, tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(smollm2.read_bytes()[:30_000_000])
    assert "truncated: its tensors need" in sweep("--task", "sample", model=path)


def test_a_vocabulary_alone(sweep, vocabulary):
    assert "a vocabulary without weights" in sweep("--task", "sample", model=vocabulary)


def test_a_folder_without_ggufs(sweep, tmp_path):
    (tmp_path / "empty").mkdir()
    message = sweep("--task", "sample", model=tmp_path / "empty")
    assert "a folder with .gguf files was expected" in message


def test_a_part_is_missing(sweep, smollm2, tmp_path):
    path = tmp_path / "model-00001-of-00002.gguf"
    path.write_bytes(smollm2.read_bytes()[:1000])
    assert "model-00002-of-00002.gguf" in sweep("--task", "sample", model=path)


def test_an_unknown_quantization(sweep):
    message = sweep("--task", "sample", "--quants", "Q8_1")
    assert "no quantization 'Q8_1'. Did you mean" in message


# --- prompts and questions ---


def test_an_unknown_style(sweep):
    assert "no prompt style 'mmul'. Did you mean 'mmlu'?" in sweep(
        "--task", "sample", "--prompt", "mmul"
    )


def test_an_unknown_task(sweep):
    assert "no task 'sampel'" in sweep("--task", "sampel")


def test_an_unknown_subject(sweep):
    message = sweep("--task", "sample", "--subjects", "astronimy")
    assert "astronomy" in message


def test_fewer_dev_rows_than_shots(sweep):
    message = sweep("--task", "sample", "--shots", "6")
    assert "--shots 5" in message


def test_a_limit_below_one_each(sweep):
    assert "16" in sweep("--task", "sample", "--limit", "3")


def test_data_that_is_not_there(sweep, tmp_path):
    assert "does not exist" in sweep("--data", tmp_path / "none.csv")


CSV = "question,A,B,C,D,answer\nWhat is 1 + 1?,1,2,3,4,B\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("empty.csv", "", "empty"),
        ("fields.csv", CSV + "too,few\n", "line 3"),
        ("answer.csv", CSV.replace(",B\n", ",Q\n"), "line 2"),
        ("column.csv", CSV.replace("answer", "gold"), "answer"),
        ("empty.jsonl", "", "empty"),
        ("broken.jsonl", '{"question": "q", "choices": ["a", "b"], "answer": 0}\n{"que', "line 2"),
        ("answer.jsonl", '{"question": "q", "choices": ["a", "b"], "answer": 2}\n', "line 1"),
        ("choices.jsonl", '{"question": "q", "choices": ["a"], "answer": 0}\n', "line 1"),
    ],
)
def test_questions_that_are_malformed(sweep, tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_text(text)
    message = sweep("--data", path, "--shots", "0")
    assert name in message
    assert expected in message


def test_own_questions_without_shots_say_which_option_helps(sweep, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(CSV)
    assert "--shots 0" in sweep("--data", path)


def test_a_context_too_small(sweep):
    message = sweep("--task", "sample", "-c", "64")
    assert "needs a context of" in message
    assert "sample/test/" in message
    assert "use -c" in message


# --- results ---


def test_no_results_yet(database):
    for command in (["compare"], ["runs"], ["show", "x"], ["export", "-o", "x.csv"]):
        assert str(database.name) in refused(run(*command, "--db", database))


def test_a_reference_that_is_no_level_is_refused_before_the_work(sweep):
    message = sweep("--task", "sample", "--reference", "Q9_9")
    assert "one of the levels was expected: SmolLM2-135M-Instruct Q4_1" in message


def test_a_report_with_an_unknown_ending_is_refused_before_the_work(sweep):
    assert ".html" in sweep("--task", "sample", "-o", "report.pdf")


@pytest.mark.skipif(_CAN_OFFLOAD, reason="this build of llama.cpp can offload")
def test_layers_on_a_gpu_that_the_build_does_not_know(sweep):
    assert "this build of llama.cpp cannot offload" in sweep("--task", "sample", "-ngl", "99")


def test_an_option_that_does_not_exist_is_clicks_business():
    result = run("sweep", "--quant", "Q8_0")
    assert result.exit_code == 2
    assert "No such option" in result.stderr


def test_the_embedded_questions_are_what_the_errors_speak_of():
    # The messages above name ids of this set.
    assert load("sample", None).questions[0].id.startswith("sample/test/")
    assert json.dumps(load("sample", None).source)


# --- levels ---


def test_a_level_of_a_quantized_file_needs_to_be_allowed(smollm2, made):
    message = refused(run("quantize", smollm2, "--to", "Q8_0"))
    assert "that was never quantized (F32, F16, BF16) was expected, found Q4_1: a" in message
    assert message.endswith("Give another file, or add --allow-requantize.")
    message = refused(run("quantize", made("F16"), "--to", "Q8_0"))
    assert "found F16 that was Q4_1 once" in message


def test_quantize_without_a_level(smollm2):
    assert "--list-types lists the levels" in refused(run("quantize", smollm2))


def test_a_matrix_goes_into_a_folder_that_is_there(smollm2, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("short")
    target = tmp_path / "nowhere" / "imatrix.gguf"
    assert "a folder where you may write was expected" in refused(
        run("imatrix", smollm2, text, "-o", target)
    )
