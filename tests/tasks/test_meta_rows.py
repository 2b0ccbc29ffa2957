"""Rows in the manner of Meta's evals data sets, saved in each of the three formats."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ggufeval import tasks
from ggufeval.errors import DataError, UsageError
from ggufeval.tasks import meta_rows
from ggufeval.types import Question

QUESTIONS = (
    Question("x", "clinical_knowledge", ' "Which?"\n', ("a", " b", "É,\r\n“c”", "d'"), 1),
    Question("x", "law", "Who?", ("<|eot_id|>", "b", "c", "d"), 3),
    Question("x", "clinical_knowledge", "Why?", ("1", "2", "3", "4"), 0),
)
SHOTS = (Question("d", "law", "Dev?", ("a", "b", "c", "d"), 2),)


@pytest.fixture
def rows(meta_row):
    answered = ("B", '"D"', None)
    return [meta_row(q, SHOTS, a) for q, a in zip(QUESTIONS, answered, strict=True)]


def save(path, rows):
    """As somebody would who has them from `datasets`."""
    match path.suffix:
        case ".parquet" | ".gzip":
            pq.write_table(pa.Table.from_pylist(rows), path)
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        case _:
            # pandas gets arrays of numpy from parquet, and writes those as numpy prints them.
            saved = path.with_suffix(".parquet")
            pq.write_table(pa.Table.from_pylist(rows), saved)
            pd.read_parquet(saved).to_csv(path, index=False)
    return path


def load(path):
    return meta_rows.load(path, offline=True)


@pytest.fixture(params=["rows.parquet", "rows.jsonl", "rows.csv"])
def saved(request, tmp_path, rows):
    return save(tmp_path / request.param, rows)


def test_the_three_formats(saved, rows):
    source = load(saved)

    assert (source.task, source.text) == ("meta-rows", str(saved))
    assert source.questions == tuple(
        Question(identifier, q.subject, q.stem, q.choices, q.answer, row["input_final_prompts"][0])
        for identifier, q, row in zip(
            ("meta-rows/clinical_knowledge/0", "meta-rows/law/0", "meta-rows/clinical_knowledge/1"),
            QUESTIONS,
            rows,
            strict=True,
        )
    )
    assert source.shots is None
    assert source.recorded == {
        "meta-rows/clinical_knowledge/0": 1,
        "meta-rows/law/0": 3,
        "meta-rows/clinical_knowledge/1": None,
    }
    assert source.notes == (
        f"MMLU has 14,042 test questions, {saved} has 3.",
        "1 of 3 recorded answers (output_parsed_answer) name no choice.",
    )


def test_nothing_is_told_of_the_published_number(tmp_path, meta_row):
    row = meta_row(QUESTIONS[0])
    assert load(save(tmp_path / "rows.parquet", [row] * 14_042)).notes == ()


@pytest.mark.parametrize("shots", [0, 5])
def test_as_a_task(saved, shots):
    questions = tasks.load("meta-rows", saved, shots=shots, subjects=["law"])
    assert questions.task == "meta-rows"
    assert [question.id for question in questions.questions] == ["meta-rows/law/0"]
    assert questions.questions[0].prompt.endswith("The best answer is")
    assert questions.shots == {"law": ()}
    assert questions.recorded == {"meta-rows/law/0": 3}


def test_without_recorded_answers(tmp_path, rows):
    for row in rows:
        del row["output_parsed_answer"]
    assert load(save(tmp_path / "rows.jsonl", rows)).recorded == {}


@pytest.mark.parametrize("answered", [None, "", "none of them", "E", ["B", "C"]])
def test_where_no_recorded_answer_can_be_read_there_are_none(tmp_path, rows, answered):
    saved = save(tmp_path / "rows.jsonl", [r | {"output_parsed_answer": answered} for r in rows])
    source = load(saved)
    assert source.recorded == {}
    assert source.notes[-1].startswith("3 of 3 recorded answers")


@pytest.mark.parametrize("answered", ["B", ' "B"', ["B"], "B.", "(B)"])
def test_a_recorded_letter_in_other_dress(tmp_path, rows, answered):
    saved = save(tmp_path / "rows.jsonl", [r | {"output_parsed_answer": answered} for r in rows])
    assert set(load(saved).recorded.values()) == {1}


def test_a_file_as_meta_has_named_it(tmp_path, rows):
    """It is parquet in spite of its ending."""
    saved = save(tmp_path / "Details_mmlu.parquet.gzip", rows)
    assert len(load(saved).questions) == 3


@pytest.mark.parametrize("n", [2, 10])
def test_other_numbers_of_choices(tmp_path, meta_row, n):
    """Parquet has one struct for all rows, with nothing in the fields that a row lacks."""
    few = Question("x", "law", "?", tuple(f"c{i}" for i in range(n)), n - 1)
    saved = save(tmp_path / "rows.parquet", [meta_row(few), meta_row(QUESTIONS[1])])
    assert [len(question.choices) for question in load(saved).questions] == [n, 4]


def test_csv_as_json_has_it(tmp_path, rows):
    columns = ("input_final_prompts", "input_choice_list", "input_correct_responses")
    written = [row | {name: json.dumps(row[name]) for name in columns} for row in rows]
    path = tmp_path / "rows.csv"
    pd.DataFrame(written).to_csv(path, index=False)
    assert load(path).questions == load(save(tmp_path / "rows.parquet", rows)).questions


def test_a_subject_without_a_task_before_it(tmp_path, rows):
    saved = save(tmp_path / "rows.jsonl", [rows[0] | {"subtask_name": "law"}])
    assert load(saved).questions[0].subject == "law"


AGAIN = "Save the rows again as they are."
LETTERS = "expected a list that begins with one of A, B, C, D in input_correct_responses, found"
PROMPTS = "expected a list of one prompt in input_final_prompts, found"
CHOICES = "expected a text for each of A, B, ... in input_choice_list, found"
NUMBER = "expected 2 to 10 choices, found"
WRONG = [
    ({"input_final_prompts": ["one", "two"]}, f"{PROMPTS} ['one', 'two']. {AGAIN}"),
    ({"input_final_prompts": "<|eot_id|>"}, f"{PROMPTS} '<|eot_id|>'. {AGAIN}"),
    (
        {"input_final_prompts": [" "]},
        "expected text for the prompt in input_final_prompts, found ' '. Fill it in.",
    ),
    ({"input_correct_responses": ["E"]}, f"{LETTERS} ['E']. {AGAIN}"),
    ({"input_correct_responses": []}, f"{LETTERS} []. {AGAIN}"),
    (
        {"input_choice_list": {"A": "a", "C": "c"}},
        f"{CHOICES} {{'A': 'a', 'C': 'c'}}. {AGAIN}",
    ),
    ({"input_choice_list": None}, f"{CHOICES} None. {AGAIN}"),
    (
        {"input_choice_list": {"A": "a"}},
        f"{NUMBER} 1. Remove the question or mend its choices.",
    ),
    (
        {"input_choice_list": dict.fromkeys("ABCDEFGHIJK", "x")},
        f"{NUMBER} 11. Remove the question or mend its choices.",
    ),
    (
        {"input_choice_list": {"A": "a", "B": 2}},
        "expected text for the choice B, found 2. Fill it in.",
    ),
    ({"input_question": None}, "expected text for the input_question, found None. Fill it in."),
    (
        {"subtask_name": "mmlu_chat."},
        "expected text for the subject in subtask_name, found ''. Fill it in.",
    ),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_rows_that_are_wrong(tmp_path, rows, change, message):
    saved = save(tmp_path / "rows.jsonl", [rows[0], rows[1] | change])
    with pytest.raises(DataError) as caught:
        load(saved)
    assert str(caught.value) == f"{saved}, line 2: {message}"


def test_brackets_without_end(tmp_path, rows):
    saved = save(tmp_path / "rows.jsonl", [rows[0] | {"input_final_prompts": "[" * 100_000}])
    with pytest.raises(DataError, match="expected a list of one prompt in input_final_prompts"):
        load(saved)


def test_missing_columns(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("question,A,B,answer,subtask_name\n?,a,b,A,x\n")
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}, line 2: expected the columns of Meta's rows, missing input_final_prompts, "
        "input_question, input_choice_list, input_correct_responses. Found: question, A, B, "
        "answer, subtask_name. Own questions go without --prompt meta-rows."
    )


def test_no_rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.touch()
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path} holds no rows: expected one for each question. Save it again."
    )


@pytest.mark.parametrize("name", ["", "rows.txt"])
def test_what_is_no_file_of_rows(tmp_path, name):
    path = tmp_path / name
    if name:
        path.touch()
    with pytest.raises(UsageError) as caught:
        load(path)
    assert str(caught.value) == (
        "--task meta-rows reads a file of Meta's rows (.csv, .jsonl, .parquet) or the name of a "
        f"data set on the hub, found {path}."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("meta-llama/Llama-3.2-3B-Instruct-evals", True),
        ("me/my_evals", True),
        ("evals", False),
        ("a/b/c", False),
        ("/a/b", False),
        ("../evals", False),
        ("rows/mine.parquet", False),
        ("rows/mine.JSONL", False),
    ],
)
def test_what_reads_as_a_repository(text, expected):
    assert meta_rows.is_repository(Path(text)) is expected
