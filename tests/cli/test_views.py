"""`--redux` and `--weights` of `compare` and `report`, on runs that no model had to make."""

import json

import pytest
from click.testing import CliRunner

from ggufeval.cli import cli
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

N = 40
QUESTIONS = tuple(
    Question(f"mmlu/test/anatomy/{i}", "anatomy", f"Which {i}?", ("a", "b", "c", "d"), 0)
    for i in range(N)
)


def run(name, bits):
    return Run(
        "",
        ModelInfo(f"Tiny {name}", "m.gguf", name, 4_000_000, "llama", 1, name, {}, bits, 1.0),
        Fingerprint(
            name, "p", "q", "mmlu", 0, "letter", "g",
            EngineSettings(4096, 512, 512, 64, 2, 0, "on"),
            BuildInfo("0.3.36", "", "libraries", "AVX2", ("CPU",)),
        ),
        "mmlu", "s", Design.FULL, {"anatomy": N}, N, 1, RunStatus.RUNNING, "", 0, 0, 0.0, 0, "",
    )  # fmt: skip


@pytest.fixture
def database(tmp_path):
    """F16 has all right, Q4_0 the first four wrong."""
    path = tmp_path / "r.sqlite"
    with Store.open(path) as store:
        for name, bits, n_wrong in (("F16", 16.0, 0), ("Q4_0", 4.5, 4)):
            run_id = store.begin(run(name, bits), list(QUESTIONS))
            records = [
                Record("", q.id, 0, int(i < n_wrong), i >= n_wrong, (1.0, 0.0, 0.0, 0.0), 2.0,
                       0.9, 1.0, 1, 1.0, 10)
                for i, q in enumerate(QUESTIONS)
            ]  # fmt: skip
            store.add_batch(run_id, 0, "p", records, n_tokens=1, seconds=1.0)
            store.finish(run_id)
    return path


@pytest.fixture
def ask(database, tmp_path, monkeypatch):
    (tmp_path / "redux.csv").write_text(
        "subject,index,error_type\n"
        "anatomy,0,wrong_groundtruth\nanatomy,1,no_correct_answer\nanatomy,9,ok\n",
        encoding="utf-8",
    )
    (tmp_path / "w.csv").write_text(
        "question_id,weight\nmmlu/test/anatomy/0,11\n*,1\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    with Store.open(database, read_only=True) as store:
        names = [each.id for each in store.runs()]

    def call(*arguments, command="compare"):
        done = CliRunner().invoke(cli, [command, *names, *arguments, "--db", str(database)])
        assert "Traceback" not in done.output
        return done

    return call


def test_both_in_one_comparison(ask):
    done = ask("--redux", "redux.csv", "--weights", "w.csv", "--format", "json")
    assert done.exit_code == 0, done.output
    redux, weighted = json.loads(done.stdout)["views"][1::2]
    assert (redux["n"], redux["n_labelled"], redux["lost"]) == (38, 3, 2)
    assert redux["difference"] == pytest.approx(-2 / 38)
    assert weighted["difference"] == pytest.approx(-14 / 50)
    assert (redux["source"], weighted["source"]) == ("redux.csv", "w.csv")


def test_in_a_table(ask):
    done = ask("--redux", "redux.csv")
    assert "Without defective questions" in done.stdout
    said = " ".join(done.stdout.split())
    assert (
        "Without the 2 questions marked as defective in redux.csv, of 3 with a label among the 40 "
        "compared. The other 37 have no label, and stay."
    ) in said


@pytest.mark.parametrize("name", ["r.md", "r.json", "r.csv", "r.html"])
def test_in_every_report(ask, tmp_path, name):
    done = ask("--redux", "redux.csv", "--weights", "w.csv", "-o", name, command="report")
    assert done.exit_code == 0, done.output
    text = (tmp_path / name).read_text("utf-8")
    assert "redux.csv" in text
    assert "w.csv" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--redux", "nowhere.csv"), "--redux nowhere.csv does not exist"),
        (("--redux", "w.csv"), "w.csv, line 2: expected text for the column error_type"),
        (("--weights", "redux.csv"), "expected the columns weight and question_id (or subject)"),
        (("--weights", "r.sqlite"), "--weights reads .csv, .jsonl and .parquet files"),
    ],
)
@pytest.mark.parametrize("command", ["compare", "report"])
def test_wrong_files(ask, arguments, said, command):
    done = ask(*arguments, command=command)
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert said in done.stderr


def test_weights_that_do_not_cover_everything(ask, tmp_path):
    (tmp_path / "w.csv").write_text("subject,weight\nvirology,1\n", encoding="utf-8")
    done = ask("--weights", "w.csv")
    assert done.exit_code == 2
    assert "w.csv has no weight for 1 of the 1 subjects compared (anatomy)." in done.stderr


def test_the_hub_is_not_asked_where_that_is_forbidden(ask, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = ask("--redux", "hub")
    assert done.exit_code == 2
    assert "edinburgh-dawg/mmlu-redux-2.0 is not in the hub's cache" in done.stderr
