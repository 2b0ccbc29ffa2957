"""Records as files for other programs."""

import csv
import dataclasses
import json
import math
import os

import pandas as pd
import pytest

from ggufeval.errors import UsageError
from ggufeval.export import export
from ggufeval.types import Question, Record, RunResult

from .test_store import make_run

QUESTIONS = (
    Question("q/1", "law", '=HYPERLINK("x")', ("+1", "-2", "@x", "d,\n"), 2),
    Question("q/2", "law", "Zwei? 'ü'", ("ja", "nein"), 0),
)
RECORDS = (
    Record("r1", "q/1", 0, 2, True, (1.5, -0.25, 3.0, -math.inf), 4.0, 0.75, 1.5, 7, 3.0, 90),
    Record("r1", "q/2", 0, None, False, (), math.nan, math.nan, math.nan, 7, 3.0, 80, "-", "none"),
)


@pytest.fixture
def results():
    run = dataclasses.replace(make_run(), id="r1")
    return [RunResult(run, QUESTIONS, RECORDS)]


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_jsonl(results, tmp_path):
    path = tmp_path / "r.jsonl"
    assert export(results, path) == 2
    first, second = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert first == {
        "run_id": "r1",
        "model": "Tiny Q8_0",
        "quantization": "Q8_0",
        "bits_per_weight": 8.5,
        "tool": "ggufeval",
        "question_id": "q/1",
        "subject": "law",
        "stem": '=HYPERLINK("x")',
        "choices": ["+1", "-2", "@x", "d,\n"],
        "rotation": 0,
        "gold": "C",
        "answer": "C",
        "correct": True,
        "letter_mass": 0.75,
        "margin": 1.5,
        "n_tokens": 90,
        "text": None,
        "parse_error": None,
        "partial": False,
        "logit_A": 1.5,
        "logit_B": -0.25,
        "logit_C": 3.0,
        "logit_D": None,
        "logprob_A": -2.5,
        "logprob_B": -4.25,
        "logprob_C": -1.0,
        "logprob_D": None,
    }
    assert second["answer"] is second["margin"] is None
    assert second["parse_error"] == "none"
    assert "logit_A" not in second


def test_csv_guards_against_formulas(results, tmp_path):
    path = tmp_path / "r.csv"
    export(results, path)
    first, second = read_csv(path)
    assert first["stem"] == '\'=HYPERLINK("x")'
    assert json.loads(first["choices"]) == ["+1", "-2", "@x", "d,\n"]
    assert first["logit_B"] == "-0.25"
    assert second["stem"] == "Zwei? 'ü'"
    assert second["text"] == "'-"
    assert second["logit_A"] == second["answer"] == ""


def test_what_is_not_defined_is_empty(results, tmp_path):
    export(results, tmp_path / "r.csv")
    export(results, tmp_path / "r.parquet")
    second = read_csv(tmp_path / "r.csv")[1]
    assert second["letter_mass"] == second["margin"] == second["logit_A"] == ""
    assert pd.read_parquet(tmp_path / "r.parquet")["margin"].isna().tolist() == [False, True]


def test_likelihoods_of_texts(results, tmp_path):
    fingerprint = dataclasses.replace(results[0].run.fingerprint, read="cloze")
    run = dataclasses.replace(results[0].run, fingerprint=fingerprint)
    sums = (-8.0, -3.0, -9.0, -4.0)
    record = dataclasses.replace(
        RECORDS[0],
        letter_logits=sums,
        logsumexp=0.0,
        letter_mass=math.nan,
        top_token=-1,
        top_logit=math.nan,
        rotation=1,
    )
    cloze = RunResult(run, QUESTIONS[:1], (record,))
    export([cloze], tmp_path / "r.jsonl")
    row = json.loads((tmp_path / "r.jsonl").read_text("utf-8"))
    assert (row["answer"], row["answer_summed"], row["rotation"]) == ("C", "B", 1)
    assert tuple(row[f"logprob_{letter}"] for letter in "ABCD") == sums
    assert row["letter_mass"] is None
    export([*results, cloze], tmp_path / "r.csv")
    assert [row["answer_summed"] for row in read_csv(tmp_path / "r.csv")] == ["", "", "B"]
    export([*results, cloze], tmp_path / "r.parquet")
    assert pd.read_parquet(tmp_path / "r.parquet")["answer_summed"].isna().sum() == 2


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_every_start_of_a_formula(results, tmp_path, start):
    question = dataclasses.replace(QUESTIONS[0], stem=f"{start}x", subject=f"{start}y")
    result = RunResult(results[0].run, (question,), RECORDS[:1])
    export([result], tmp_path / "r.csv")
    (row,) = read_csv(tmp_path / "r.csv")
    assert row["stem"] == f"'{start}x"
    assert row["subject"] == f"'{start}y"


def test_columns_are_those_of_the_row_with_most_letters_and_in_order(results, tmp_path):
    ten = Question("q/10", "s", "?", tuple("abcdefghij"), 9)
    record = dataclasses.replace(
        RECORDS[0], question_id="q/10", letter=9, letter_logits=(0.0,) * 10
    )
    results.append(RunResult(results[0].run, (ten,), (record,)))
    export(results, tmp_path / "r.csv")
    rows = read_csv(tmp_path / "r.csv")
    assert list(rows[0])[-20:] == [f"{k}_{x}" for k in ("logit", "logprob") for x in "ABCDEFGHIJ"]
    assert [row["answer"] for row in rows] == ["C", "", "J"]


def test_parquet(results, tmp_path):
    path = tmp_path / "r.parquet"
    export(results, path)
    table = pd.read_parquet(path)
    assert len(table) == 2
    assert list(table["choices"][0]) == ["+1", "-2", "@x", "d,\n"]
    assert table["stem"][0] == '=HYPERLINK("x")'
    assert table["correct"].dtype == bool
    assert table["logit_D"][0] == -math.inf
    assert table["answer"].isna().tolist() == [False, True]


def test_parquet_has_the_same_types_where_all_is_missing(results, tmp_path):
    export(results, tmp_path / "all.parquet")
    export([RunResult(results[0].run, QUESTIONS[:1], RECORDS[:1])], tmp_path / "one.parquet")
    dtypes = [pd.read_parquet(tmp_path / name).dtypes for name in ("all.parquet", "one.parquet")]
    assert dtypes[0].to_dict() == dtypes[1].to_dict()


def test_format_goes_before_the_suffix(results, tmp_path):
    export(results, tmp_path / "r.csv", "jsonl")
    assert (tmp_path / "r.csv").read_text("utf-8").startswith("{")
    export(results, tmp_path / "R.CSV")
    assert (tmp_path / "R.CSV").read_text("utf-8").startswith("run_id,")


@pytest.mark.parametrize(("name", "fmt"), [("r.xlsx", None), ("r", None), ("r.csv", "xml")])
def test_unknown_format(results, tmp_path, name, fmt):
    with pytest.raises(UsageError, match=r"the format '.*' is unknown. End the name in .jsonl"):
        export(results, tmp_path / name, fmt)


def test_nothing_to_write(results, tmp_path):
    with pytest.raises(UsageError, match="no records yet"):
        export([RunResult(results[0].run, (), ())], tmp_path / "r.csv")
    assert list(tmp_path.iterdir()) == []


def test_failure_leaves_the_old_file(results, tmp_path, monkeypatch):
    path = tmp_path / "r.jsonl"
    path.write_text("old")
    monkeypatch.setattr(json, "dumps", lambda *_, **__: "{" * 10 + 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(results, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_old_file_is_replaced_and_readable_by_others(results, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("old")
    export(results, path)
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode
    assert len(read_csv(path)) == 2


def test_link_is_followed(results, tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    export(results, tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert len(read_csv(tmp_path / "real.csv")) == 2


def test_not_a_regular_file(results, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name in ("pipe.csv", "folder.csv"):
        with pytest.raises(UsageError, match="this is something else"):
            export(results, tmp_path / name)


def test_a_folder_that_cannot_be_made(results, tmp_path):
    (tmp_path / "no").touch()
    with pytest.raises(UsageError, match=r"cannot be written: (Not a directory|File exists)"):
        export(results, tmp_path / "no" / "r.csv")


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet"])
def test_it_is_on_the_disk_before_it_has_its_name(results, tmp_path, monkeypatch, name):
    path = tmp_path / "new folder" / name
    synced = []

    def fsync(descriptor: int) -> None:
        assert not path.exists()
        synced.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    export(results, path)
    assert synced == [path.stat().st_ino]
