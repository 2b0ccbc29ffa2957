import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ggufeval import tasks
from ggufeval.errors import DataError, UsageError
from ggufeval.tasks import files
from ggufeval.types import Question

QUESTIONS = (
    Question("quiz/law/0", "law", "One?", ("a", "b"), 1),
    Question("quiz/law/1", "law", "Three?", ("a", "b", "c"), 2),
    Question("quiz/quiz/0", "quiz", "Two?", ("a", "b", "c", "d"), 0),
)
SHOTS = {"law": (Question("quiz/dev/law/0", "law", "Dev?", ("a", "b"), 0),)}


def put(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def put_rows(path, rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        put(path, "".join(json.dumps(row) + "\n" for row in rows))
    return path


ROWS = [
    {"question": "One?", "choices": ["a", "b"], "answer": 1, "subject": "law"},
    {"question": "Two?", "choices": ["a", "b", "c", "d"], "answer": 0, "subject": None},
    {"question": "Three?", "choices": ["a", "b", "c"], "answer": 2, "subject": "law"},
]
DEV_ROW = {"question": "Dev?", "choices": ["a", "b"], "answer": 0, "subject": "law"}


# --- the three formats ---------------------------------------------------------------------


def test_csv_by_letter(tmp_path):
    path = put(
        tmp_path / "quiz.csv",
        "question,A,B,C,D,answer,subject\nOne?,a,b,,,B,law\nTwo?,a,b,c,d,A,\nThree?,a,b,c,,c,law\n",
    )
    source = files.load(path)
    assert (source.task, source.text) == ("quiz", str(path))
    assert source.questions == QUESTIONS
    assert source.shots == {}
    assert source.notes == ()


def test_csv_with_lists(tmp_path):
    path = put(
        tmp_path / "quiz.csv",
        "subject,answer,choices,question\n"
        'law,1,"[""a"", ""b""]",One?\n'
        ',0,"[""a"", ""b"", ""c"", ""d""]",Two?\n'
        'law,2,"[""a"", ""b"", ""c""]",Three?\n',
    )
    assert files.load(path).questions == QUESTIONS


@pytest.mark.parametrize("name", ["quiz.jsonl", "quiz.parquet", "quiz.JSONL"])
def test_jsonl_and_parquet(tmp_path, name):
    assert files.load(put_rows(tmp_path / name, ROWS)).questions == QUESTIONS


def test_pandas_writes_what_we_read(tmp_path):
    import pandas as pd

    pd.DataFrame(ROWS).to_parquet(tmp_path / "quiz.parquet")
    pd.DataFrame(ROWS).to_json(tmp_path / "quiz.jsonl", orient="records", lines=True)
    assert files.load(tmp_path / "quiz.parquet").questions == QUESTIONS
    assert files.load(tmp_path / "quiz.jsonl").questions == QUESTIONS


@pytest.mark.parametrize("name", ["quiz.json", "quiz.tsv", "quiz"])
def test_other_files(tmp_path, name):
    path = put(tmp_path / name, "")
    with pytest.raises(UsageError) as caught:
        files.load(path)
    assert str(caught.value) == (
        f"--data reads .csv, .jsonl and .parquet files or a folder of MMLU, found {path}."
    )


# --- splits and shots ----------------------------------------------------------------------


@pytest.mark.parametrize("test_split", ["test", "", None])
def test_shots_from_the_column_split(tmp_path, test_split):
    rows = [row | {"split": test_split} for row in ROWS]
    rows.insert(1, DEV_ROW | {"split": "dev"})
    source = files.load(put_rows(tmp_path / "quiz.jsonl", rows))
    assert source.questions == QUESTIONS
    assert source.shots == SHOTS


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_shots_from_the_file_beside(tmp_path, ending):
    put_rows(tmp_path / f"quiz.dev{ending}", [DEV_ROW, DEV_ROW | {"subject": None}])
    source = files.load(put_rows(tmp_path / f"quiz{ending}", ROWS))
    assert source.questions == QUESTIONS
    assert source.shots == SHOTS | {
        "quiz": (Question("quiz/dev/quiz/0", "quiz", "Dev?", ("a", "b"), 0),)
    }


def test_the_column_comes_before_the_file_beside(tmp_path):
    put_rows(tmp_path / "quiz.dev.jsonl", [DEV_ROW, DEV_ROW])
    path = put_rows(tmp_path / "quiz.jsonl", [*ROWS, DEV_ROW | {"split": "dev"}])
    assert files.load(path).shots == SHOTS


def test_other_splits(tmp_path):
    path = put_rows(tmp_path / "quiz.jsonl", [ROWS[0], ROWS[1] | {"split": "train"}])
    with pytest.raises(DataError) as caught:
        files.load(path)
    assert str(caught.value) == (
        f"{path}, line 2: expected test or dev in the column split, found 'train'. "
        "Remove the rows of other splits."
    )


def test_test_questions_in_the_file_of_shots(tmp_path):
    path = put_rows(tmp_path / "quiz.jsonl", ROWS)
    put_rows(tmp_path / "quiz.dev.jsonl", [DEV_ROW | {"split": "test"}])
    with pytest.raises(DataError, match=r"quiz\.dev\.jsonl, line 1: expected dev in the column"):
        files.load(path)


def test_without_shots_a_run_must_say_so(tmp_path):
    path = put_rows(tmp_path / "quiz.jsonl", ROWS)
    with pytest.raises(DataError) as caught:
        tasks.load(None, path)
    assert str(caught.value) == (
        f"{path}: expected 5 dev questions of each subject for the shots, found 0 of law. "
        "Add some, or use --shots 0."
    )
    assert tasks.load(None, path, shots=0).questions == QUESTIONS


# --- ids -----------------------------------------------------------------------------------


def test_ids_of_ones_own(tmp_path):
    rows = [ROWS[0] | {"id": "q-1"}, ROWS[1] | {"id": 2}, ROWS[2]]
    source = files.load(put_rows(tmp_path / "quiz.jsonl", rows))
    assert [question.id for question in source.questions] == ["q-1", "quiz/law/1", "2"]


def test_an_id_twice(tmp_path):
    rows = [ROWS[0] | {"id": "q"}, ROWS[1], ROWS[2] | {"id": "q"}]
    path = put_rows(tmp_path / "quiz.jsonl", rows)
    with pytest.raises(DataError) as caught:
        files.load(path)
    assert str(caught.value) == (
        f"{path}, line 3: the id 'q' is already that of {path}, line 1. "
        "Give each question an id of its own."
    )


@pytest.mark.parametrize("value", ["", None, True, 1.5])
def test_an_id_that_is_none(tmp_path, value):
    path = put_rows(tmp_path / "quiz.jsonl", [ROWS[0] | {"id": value}])
    with pytest.raises(DataError, match="line 1: expected text for the id, found"):
        files.load(path)


# --- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("quiz.csv", ""),
        ("quiz.csv", "question,A,B,answer\n"),
        ("quiz.csv", "question,A,B,answer,split\n?,a,b,A,dev\n"),
        ("quiz.jsonl", "\n"),
    ],
)
def test_no_questions(tmp_path, name, text):
    path = put(tmp_path / name, text)
    with pytest.raises(DataError) as caught:
        files.load(path)
    assert str(caught.value) == (
        f"{path} holds no questions: expected rows with question, choices and answer."
    )


@pytest.mark.parametrize("value", [0, 7, ["law"]])
def test_a_subject_that_is_no_text(tmp_path, value):
    path = put_rows(tmp_path / "quiz.jsonl", [ROWS[0] | {"subject": value}])
    with pytest.raises(DataError, match="line 1: expected text for the subject, found"):
        files.load(path)


def test_errors_tell_the_line(tmp_path):
    path = put(tmp_path / "quiz.csv", 'question,A,B,answer\n"One\n?",a,b,A\nTwo?,a,b,C\n')
    with pytest.raises(DataError) as caught:
        files.load(path)
    assert str(caught.value) == (
        f"{path}, line 4: expected a letter from A to B or a number from 0 to 1 in the column "
        "answer, found 'C'."
    )


def test_missing_columns(tmp_path):
    path = put(tmp_path / "quiz.csv", "prompt,A,B,answer\n?,a,b,A\n")
    with pytest.raises(DataError, match=r"missing 'question'\. Found: prompt, A, B, answer\."):
        files.load(path)
