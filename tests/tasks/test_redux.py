"""MMLU-Redux' labels from files: by the row in MMLU, or by the question's words."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ggufeval.errors import DataError, UsageError
from ggufeval.tasks import redux
from ggufeval.types import Question

NUMBERED = "subject,index,error_type\nanatomy,0,ok\nanatomy,7,wrong_groundtruth\nhuman aging,1,OK\n"
BY_ID = {
    "mmlu/test/anatomy/0": False,
    "mmlu/test/anatomy/7": True,
    "mmlu/test/human_aging/1": False,
}
WORDED = [
    {"question": "Two?\n", "choices": ["1", " 2", "3", "4"], "answer": 1, "error_type": "ok"},
    {"question": "Sun?", "choices": ["a", "b", "c", "d"], "error_type": "bad_options_clarity"},
    {"question": "Sun?", "choices": ["a", "b", "c", "d"], "error_type": "ok"},
]


@pytest.fixture
def write(tmp_path):
    def make(text, name="labels.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return make


def question(stem, *choices, identifier="x"):
    return Question(identifier, "anatomy", stem, choices, 0)


def test_by_the_row_in_the_subjects_test_split(write):
    path = write(NUMBERED)
    labels = redux.load(path)
    assert (labels.source, labels.by_id, labels.by_wording) == (path, BY_ID, {})
    assert labels.of(question("?", "a", "b", identifier="mmlu/test/anatomy/7")) is True
    assert labels.of(question("?", "a", "b", identifier="mmlu/test/anatomy/8")) is None


def test_the_same_as_json_lines_and_parquet(write, tmp_path):
    rows = [
        {"subject": "anatomy", "index": 0, "error_type": "ok"},
        {"subject": "anatomy", "index": 7, "error_type": "wrong_groundtruth"},
        {"subject": "human_aging", "index": 1, "error_type": "ok"},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert redux.load(write(lines, "labels.jsonl")).by_id == BY_ID
    path = tmp_path / "labels.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert redux.load(str(path)).by_id == BY_ID


def test_by_the_questions_words_as_on_the_hub(write):
    lines = "".join(json.dumps(row) + "\n" for row in WORDED)
    labels = redux.load(write(lines, "labels.jsonl"))
    assert labels.by_id == {}
    assert labels.of(question(" Two? ", "1", "2", "3", "4")) is False
    assert labels.of(question("Two?", "1", "2", "4", "3")) is None
    # Twice there, and once found defective.
    assert labels.of(question("Sun?", "a", "b", "c", "d")) is True


HEAD = "subject,index,error_type\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("subject,error_type\nanatomy,ok\n", "line 2: expected the columns error_type and subject"),
        ("subject,index\nanatomy,1\n", "line 2: expected text for the column error_type"),
        (f"{HEAD}anatomy,1,\n", "line 2: expected text for the column error_type, found ''"),
        (f"{HEAD}anatomy,-1,ok\n", "line 2: expected a number from 0 in the column index"),
        (f"{HEAD}anatomy,1.5,ok\n", "found '1.5'. Count the rows"),
        (f"{HEAD}anatomy,\u00b2,ok\n", "line 2: expected a number from 0 in the column index"),
        (
            f"{HEAD}anatomy,{'9' * 5000},ok\n",
            "line 2: expected a number from 0 in the column index",
        ),
        (f"{HEAD},1,ok\n", "line 2: expected text for the subject"),
        (f"{HEAD}a,1,ok\na,01,ok\n", "line 3: mmlu/test/a/1 has a label already. Remove one."),
        (HEAD, "holds no labels: expected rows with subject, index, error_type."),
        ("", "holds no labels"),
    ],
)
def test_what_is_wrong_in_a_file(write, text, said):
    with pytest.raises(DataError) as caught:
        redux.load(write(text))
    assert said in str(caught.value)
    assert "labels.csv" in str(caught.value)


def test_files_that_are_none(write, tmp_path):
    with pytest.raises(UsageError, match=r"^--redux nowhere\.csv does not exist: expected a \.csv"):
        redux.load("nowhere.csv")
    with pytest.raises(UsageError, match=r"^--redux .* does not exist"):
        redux.load(str(tmp_path))
    with pytest.raises(UsageError, match=r"^--redux reads \.csv, \.jsonl and \.parquet files, fou"):
        redux.load(write(NUMBERED, "labels.txt"))
