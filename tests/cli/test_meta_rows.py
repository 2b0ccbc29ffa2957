"""`--prompt meta-rows`: the rows' own prompts, and the run beside their recorded answers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ggufeval import tasks
from ggufeval.cli import cli
from ggufeval.store import Store


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    return result.stderr.splitlines()[-1].removeprefix("Error: ")


@pytest.fixture(scope="module")
def rows(meta_row, tmp_path_factory) -> Path:
    """One question of each embedded subject, two shots; of the answers, one is unread."""
    questions = tasks.load("sample", None, limit=16, shots=2)
    made = [
        meta_row(question, questions.shots[question.subject], "ABCD"[i % 4] if i else None)
        for i, question in enumerate(questions.questions)
    ]
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    return path


def test_a_run_and_a_sweep_tell_what_was_recorded(llama3_tiny, rows, tmp_path):
    database = tmp_path / "results.sqlite"
    common = (llama3_tiny, "--prompt", "meta-rows", "--data", rows, "--db", database)
    outputs = [run("run", *common), run("sweep", *common)]
    for result in outputs:
        assert result.exit_code == 0, result.output
        assert re.search(
            r"^Llama-3-Tiny F16 beside the recorded answers to the same 16 questions: [\d.]+% "
            r"right \(macro [\d.]+\), recorded [\d.]+% \(macro [\d.]+\); the same answer to "
            r"[\d.]+%; lost \d+, won \d+, difference "
            r"[+-][\d.]+ points \[[+-][\d.]+, [+-][\d.]+\], p [\d.]+\.$",
            result.stderr,
            re.MULTILINE,
        )
        assert "beside" not in result.stdout
    with Store.open(database, read_only=True) as store:
        (stored,) = store.runs()
    assert (stored.task, stored.source) == ("meta-rows", str(rows))
    assert stored.fingerprint.prompt_style == "meta-rows"
    assert "beside" in run("run", *common, "-q").stderr  # a result, and no progress


def test_it_asks_what_meta_asks(llama3_tiny, rows, tmp_path):
    """The same letters as our own prompt gives, to the bit."""
    database = tmp_path / "results.sqlite"
    same = (llama3_tiny, "--db", database, "-q")
    ids = [
        run("run", *same, "--prompt", "meta-rows", "--data", rows),
        run("run", *same, "--prompt", "meta", "--task", "sample", "--limit", 16, "--shots", 2),
    ]
    with Store.open(database, read_only=True) as store:
        ours, theirs = (store.result(result.stdout.strip()).records for result in ids)
    assert [r.letter_logits for r in ours] == [r.letter_logits for r in theirs]
    assert [r.correct for r in ours] == [r.correct for r in theirs]


def test_rows_without_recorded_answers_are_asked_all_the_same(llama3_tiny, rows, tmp_path):
    plain = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    for row in plain:
        del row["output_parsed_answer"]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in plain), encoding="utf-8")
    result = run(
        *("run", llama3_tiny, "--prompt", "meta-rows", "--data", path),
        *("--db", tmp_path / "results.sqlite"),
    )
    assert result.exit_code == 0, result.output
    assert "beside" not in result.stderr


def test_contradictions(llama3_tiny, rows, tmp_path):
    common = ("run", llama3_tiny, "--data", rows, "--db", tmp_path / "results.sqlite")
    assert refused(*common, "--prompt", "meta-rows", "--task", "mmlu") == (
        "--prompt meta-rows asks the questions of Meta's rows, found --task mmlu. Drop --task."
    )
    assert refused(*common, "--task", "meta-rows") == (
        "--task meta-rows brings its own prompts: add --prompt meta-rows."
    )


def test_another_familys_model(smollm2, rows, tmp_path):
    message = refused(
        *("run", smollm2, "--data", rows, "--prompt", "meta-rows"),
        *("--db", tmp_path / "results.sqlite"),
    )
    assert "needs the control token <|start_header_id|>" in message
    assert message.endswith("Use --prompt chat.")


def test_a_prompt_of_the_rows_is_shown(rows):
    result = run("prompts", "show", "meta-rows", "--data", rows)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("[[<|start_header_id|>user<|end_header_id|>\n\n]]Given the ")
    assert result.stdout.count("[[<|eot_id|>]]") == 5
