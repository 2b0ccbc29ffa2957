"""Weights of one's own, from a file."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ggufeval.errors import DataError, UsageError
from ggufeval.tasks import weights


@pytest.fixture
def load(tmp_path):
    def call(text, name="w.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return weights.load(path)

    return call


def test_of_questions_and_of_subjects(load):
    found = load("question_id,weight\nmmlu/test/law/0,2\nmmlu/test/law/1,0\n")
    assert found.by == "question_id"
    assert found.values == {"mmlu/test/law/0": 2.0, "mmlu/test/law/1": 0.0}
    assert found.default is None
    assert Path(found.source).name == "w.csv"
    found = load("weight,subject\n1e3,law\n0.5,*\n")
    assert (found.by, found.values, found.default) == ("subject", {"law": 1000.0}, 0.5)


def test_the_question_decides_where_both_columns_are_there(load):
    found = load("question_id,subject,weight\na,law,1\nb,law,2\n")
    assert (found.by, found.values) == ("question_id", {"a": 1.0, "b": 2.0})


def test_json_lines_and_parquet(load, tmp_path):
    rows = [{"subject": "law", "weight": 2}, {"subject": "art", "weight": 0.25}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert load(lines, "w.jsonl").values == {"law": 2.0, "art": 0.25}
    pq.write_table(
        pa.table({"subject": ["law", "art"], "weight": [2.0, 0.25]}), tmp_path / "w.parquet"
    )
    assert weights.load(tmp_path / "w.parquet").values == {"law": 2.0, "art": 0.25}


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e999", "much", "", '"1,5"'])
def test_what_is_no_weight(load, value):
    with pytest.raises(DataError) as caught:
        load(f"subject,weight\nlaw,1\nart,{value}\n")
    assert "w.csv, line 3: expected a finite number of 0 or more in the column weight" in str(
        caught.value
    )


@pytest.mark.parametrize("value", ["true", "null", "[1]", f"1{'0' * 400}"])
def test_what_is_no_weight_in_json(load, value):
    with pytest.raises(DataError, match="expected a finite number of 0 or more"):
        load(f'{{"subject": "law", "weight": {value}}}\n', "w.jsonl")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("subject,gewicht\nlaw,1\n", "line 2: expected the columns weight and question_id (or"),
        ("topic,weight\nlaw,1\n", "found topic, weight."),
        ("subject,weight\nlaw,1\nlaw,2\n", "line 3: 'law' has a weight already. Remove one."),
        ("subject,weight\n,1\n", "line 2: expected text for the column subject"),
        ("subject,weight\n", "holds no weights: expected rows with question_id and weight."),
    ],
)
def test_what_is_wrong_in_a_file(load, text, said):
    with pytest.raises(DataError) as caught:
        load(text)
    assert said in str(caught.value)


def test_files_that_are_none(load):
    with pytest.raises(UsageError, match=r"^--weights nowhere\.csv does not exist"):
        weights.load(Path("nowhere.csv"))
    with pytest.raises(UsageError, match=r"^--weights reads \.csv, \.jsonl and \.parquet files"):
        load("subject,weight\nlaw,1\n", "w.xlsx")
