"""The public functions, as a notebook calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import ggufeval
from ggufeval.errors import ComparisonError, DataError, ModelError, StoreError, UsageError
from ggufeval.store import Store
from ggufeval.types import (
    BuildInfo,
    Design,
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Question,
    Record,
    Run,
    RunStatus,
)

N = 300
SUBJECTS = ("anatomy", "astronomy", "philosophy")
QUESTIONS = [
    Question(f"q/{i}", SUBJECTS[i % 3], f"Which {i}?", ("a", "b", "c", "d"), 0) for i in range(N)
]
RUN = Run(
    "",
    ModelInfo("Tiny F16", "m.gguf", "m", 4_000_000, "llama", 1, "F16", {}, 16.0, 1.0),
    Fingerprint(
        "m", "p", "q", "mmlu", 0, "letter", "g",
        EngineSettings(4096, 512, 512, 64, 2, 0, "on"),
        BuildInfo("0.3.36", "", "libraries", "AVX2", ("CPU",)),
    ),
    "mmlu", "s", Design.FULL, dict.fromkeys(SUBJECTS, N // 3), N, 1, RunStatus.RUNNING,
    "2026-01-02T03:04:05+00:00", 0, 0, 0.0, 0, "ggufeval run",
)  # fmt: skip
LEVELS = (("F16", 16.0, 9), ("Q8_0", 8.5, 9), ("Q2_K", 3.0, 90))
DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"


def run_of(name, bits, **conditions):
    model = replace(
        RUN.model, label=f"Tiny {name}", sha256=name, quantization=name, bits_per_weight=bits
    )
    fingerprint = replace(RUN.fingerprint, model_sha256=name, **conditions)
    return replace(RUN, model=model, fingerprint=fingerprint)


def add(store, run, n_wrong, questions=QUESTIONS):
    run_id = store.begin(replace(run, n_questions=len(questions)), questions)
    records = [
        Record("", q.id, 0, int(i < n_wrong), i >= n_wrong, (1.0, 0.5, 0.0, -1.0), 2.0, 0.9, 0.5,
               1, 1.0, 10)
        for i, q in enumerate(questions)
    ]  # fmt: skip
    store.add_batch(run_id, 0, "p", records, n_tokens=1000, seconds=2.0)
    store.finish(run_id)
    return run_id


@pytest.fixture
def database(tmp_path):
    """F16 has 9 of 300 wrong, Q8_0 the same, Q2_K 90; they are one sweep."""
    path = tmp_path / "r.sqlite"
    with Store.open(path) as store:
        sweep = store.begin_sweep()
        for name, bits, n_wrong in LEVELS:
            store.add_to_sweep(sweep, add(store, run_of(name, bits), n_wrong))
    return path


def test_what_is_public():
    assert set(ggufeval.__all__) <= set(dir(ggufeval))
    for name in ggufeval.__all__:
        assert getattr(ggufeval, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ggufeval.nothing


def test_importing_it_costs_nothing():
    program = "import json, sys, ggufeval; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"numpy", "pandas", "llama_cpp", "scipy"} & set(json.loads(done.stdout))


# --- compare -------------------------------------------------------------------------------


def test_compare_the_last_sweep(database):
    found = ggufeval.compare(database)
    verdicts = [str(each.judgement.verdict) for each in found.comparison.candidates]
    assert verdicts == ["undecided", "worse"]
    assert found.comparison.groups == ()
    assert "Q2_K: over 1 point below F16" in str(found)
    assert [result.run.model.quantization for result in found.results] == ["F16", "Q8_0", "Q2_K"]


def test_compare_as_asked(database):
    found = ggufeval.compare(str(database), reference="Q8_0", margin=50, alpha=0.1, by="subject")
    assert found.comparison.reference.run.model.quantization == "Q8_0"
    assert (found.comparison.margin, found.comparison.alpha) == (0.5, 0.1)
    assert [group.name for group in found.comparison.groups] == list(SUBJECTS)
    assert {str(each.judgement.verdict) for each in found.comparison.candidates} == {"within"}


def test_compare_with_ones_own_weights(database, tmp_path):
    weights = tmp_path / "w.csv"
    weights.write_text("subject,weight\nanatomy,1\nastronomy,0\nphilosophy,0\n", "utf-8")
    (view,) = ggufeval.compare(database, weights=weights).comparison.views
    assert (view.name, view.n) == ("weights", 100)
    with pytest.raises(DataError):
        ggufeval.compare(database, redux=str(weights))


def test_a_comparison_as_a_table(database):
    table = ggufeval.compare(database).frame()
    assert list(table["quantization"]) == ["F16", "Q8_0", "Q2_K"]
    assert list(table["n_correct"]) == [291, 291, 210]
    assert table["difference_micro"].isna().tolist() == [True, False, False]
    assert table["difference_micro"].iloc[2] == pytest.approx(-0.27)


def test_a_comparison_in_a_notebook(database):
    page = ggufeval.compare(database)._repr_html_()
    assert page.startswith("<pre>")
    assert "Q2_K: over 1 point below F16" in page


def test_a_comparison_as_files(database, tmp_path):
    found = ggufeval.compare(database)
    assert found.write(tmp_path / "r.json") == [tmp_path / "r.json"]
    assert "groups" not in json.loads((tmp_path / "r.json").read_text("utf-8"))
    report, *charts = found.write(str(tmp_path / "r.md"))
    assert {path.parent for path in charts} == {tmp_path / "r-charts"}
    assert f"(r-charts/{charts[0].stem}.png)" in report.read_text("utf-8")
    (page,) = found.write(tmp_path / "r.html")
    assert "Differences by group" in page.read_text("utf-8")
    with pytest.raises(UsageError, match="its ending was expected to be one of"):
        found.write(tmp_path / "r.docx")


def test_what_cannot_be_compared(database, tmp_path):
    with pytest.raises(UsageError, match="exactly one of the runs"):
        ggufeval.compare(database, reference="Q3_K_M")
    with pytest.raises(StoreError, match="no results are there yet"):
        ggufeval.compare(tmp_path / "none.sqlite")
    with Store.open(database) as store:
        other = add(store, run_of("Q4_0", 4.5, shots=5), 9)
        first = store.latest()[0].id
    with pytest.raises(ComparisonError, match="shots is 5, not 0"):
        ggufeval.compare(database, [first, other])
    found = ggufeval.compare(database, [first, other], allow_mismatch=True)
    assert "shots is 5, not 0" in found.comparison.alarms[0]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"margin": -1}, "points from 0 to 100"),
        ({"margin": float("nan")}, "points from 0 to 100"),
        ({"alpha": 2}, "between 0 and 0.5"),
        ({"by": "letter"}, "subject or category"),
        ({"runs": "zz"}, "zz"),
    ],
)
def test_what_cannot_be_asked_for(database, wrong, expected):
    with pytest.raises(UsageError, match=expected):
        ggufeval.compare(database, **wrong)


def test_charts_of_another_comparison_do_not_stay(database, tmp_path):
    ggufeval.compare(database).write(tmp_path / "r.md")
    own = tmp_path / "r-charts" / "mine.png"
    own.write_bytes(b"")
    with Store.open(database, read_only=True) as store:
        one = store.latest()[0].id
    _, *charts = ggufeval.compare(database, one).write(tmp_path / "r.MD")
    assert sorted((tmp_path / "r-charts").iterdir()) == sorted([*charts, own])


# --- load ----------------------------------------------------------------------------------


def test_load(database):
    found = ggufeval.load(database)
    runs = found.runs.set_index("run_id")
    assert sorted(runs["model"]) == ["Tiny F16", "Tiny Q2_K", "Tiny Q8_0"]
    assert runs["created"].iloc[0] == pd.Timestamp("2026-01-02T03:04:05Z")
    assert set(runs["n_done"]) == {N}
    accuracy = found.records.groupby("quantization")["correct"].mean()
    assert accuracy.to_dict() == {"F16": 0.97, "Q2_K": 0.7, "Q8_0": 0.97}
    assert set(found.records["run_id"]) == set(runs.index)
    table = found.comparisons
    assert list(table["comparison"]) == [0, 0, 0]
    assert set(table["reference"]) == {"Tiny F16"}
    assert list(table["verdict"][1:]) == ["undecided", "worse"]


def test_load_keeps_apart_what_cannot_be_compared(database):
    with Store.open(database) as store:
        for name, bits, n_wrong in LEVELS[1:]:
            add(store, run_of(name, bits, shots=5), n_wrong)
        add(store, run_of("alone", 4.0, prompt_style="chat"), 3)
    table = ggufeval.load(database).comparisons
    sizes = table.groupby("comparison")["model"].apply(list).tolist()
    assert sorted(map(len, sizes)) == [2, 3]
    assert "Tiny alone" not in set(table["model"])


def test_load_takes_repeats_for_a_floor_as_such(database):
    with Store.open(database) as store:
        for name, bits, n_wrong in LEVELS[:2]:
            run = run_of(name, bits, plan_hash="other")
            add(store, run, n_wrong, QUESTIONS[:60][::-1])
    found = ggufeval.load(database)
    assert len(found.runs) == 5
    assert len(found.compared) == 1


def test_load_the_newest_of_each_model(database):
    with Store.open(database) as store:
        run_id = store.begin(run_of("Q2_K", 3.0), QUESTIONS, force=True)
        records = [
            Record("", q.id, 0, 0, True, (1.0, 0.5, 0.0, -1.0), 2.0, 0.9, 0.5, 1, 1.0, 10)
            for q in QUESTIONS
        ]
        store.add_batch(run_id, 0, "p", records, n_tokens=1, seconds=1.0)
    table = ggufeval.load(database).comparisons.set_index("model")
    assert table.loc["Tiny Q2_K", "run"] == run_id


def test_load_an_empty_database(tmp_path):
    path = tmp_path / "r.sqlite"
    Store.open(path).close()
    found = ggufeval.load(path)
    assert found.runs.empty
    assert found.records.empty
    assert found.comparisons.empty
    with pytest.raises(StoreError, match="no results are there yet"):
        ggufeval.load(tmp_path / "none.sqlite")


def test_every_column_is_documented(database):
    found = ggufeval.load(database)
    text = DOCUMENT.read_text("utf-8")
    for name in (*found.runs.columns, *found.records.columns, "comparison", "reference"):
        stem = name if not name.startswith(("logit_", "logprob_")) else f"{name[:-1]}A"
        assert f"`{stem}`" in text, name
    schema = json.loads((DOCUMENT.parent / "report.schema.json").read_text("utf-8"))
    described = set(schema["$defs"]["model"]["properties"])
    assert set(found.comparisons.columns) - {"comparison", "reference"} <= described


# --- evaluate ------------------------------------------------------------------------------


def test_evaluate(made, tmp_path):
    database, said = tmp_path / "r.sqlite", []
    questions = ggufeval.load_questions("sample", sample=6, shots=1)
    options = ggufeval.Options(shots=1, n_batch=256, n_ubatch=128)
    one = ggufeval.evaluate(made("Q4_0"), questions, options, db=database, say=said.append)
    assert [run.n_done for run in one.runs] == [6]
    both = ggufeval.evaluate(
        [made("Q4_0"), str(made("F16"))], questions, options, db=database, say=said.append
    )
    assert both.runs[0].id == one.runs[0].id
    assert both.failures == ()
    assert len(ggufeval.load(database).records) == 12
    assert len(ggufeval.compare(database).comparison.candidates) == 1


def test_evaluate_what_is_no_model(tmp_path):
    broken = tmp_path / "m.gguf"
    broken.write_bytes(b"nothing")
    questions = ggufeval.load_questions("sample", sample=2, shots=0)
    with pytest.raises(ModelError):
        ggufeval.evaluate(broken, questions, db=tmp_path / "r.sqlite")
    with pytest.raises(UsageError, match="one of letter, sample, cloze"):
        ggufeval.evaluate(
            broken, questions, ggufeval.Options(read="guess"), db=tmp_path / "r.sqlite"
        )
    with pytest.raises(UsageError):
        ggufeval.load_questions(data=tmp_path / "none")
    with pytest.raises(UsageError, match="f32 or f16"):
        ggufeval.evaluate(broken, questions, dequantize="f8", db=tmp_path / "r.sqlite")
    with pytest.raises(UsageError, match="at least one model"):
        ggufeval.evaluate([], questions, db=tmp_path / "r.sqlite")
    with pytest.raises(
        UsageError, match="0 solved examples a subject, and the options say shots=5"
    ):
        ggufeval.evaluate(broken, questions, ggufeval.Options(), db=tmp_path / "r.sqlite")


def test_the_shots_are_those_of_the_questions(made, tmp_path):
    questions = ggufeval.load_questions("sample", subjects="high_school_physics", sample=2, shots=0)
    outcome = ggufeval.evaluate(made("Q4_0"), questions, db=tmp_path / "r.sqlite")
    assert [run.fingerprint.shots for run in outcome.runs] == [0]
