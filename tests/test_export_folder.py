"""Records as a folder that `datasets` loads."""

import dataclasses
import json
import math
import os

import datasets
import pytest
from click.testing import CliRunner

from ggufeval.cli import cli
from ggufeval.errors import UsageError
from ggufeval.export import export_folder
from ggufeval.export.rows import record_rows
from ggufeval.types import Question, Record, RunResult

from .test_export import QUESTIONS, RECORDS
from .test_store import make_run


@pytest.fixture
def results():
    """Letters; texts without a logit; and what another program evaluated."""
    run = dataclasses.replace(make_run(), id="r1")
    texts = dataclasses.replace(
        run, id="r2", fingerprint=dataclasses.replace(run.fingerprint, read="sample", parser="p")
    )
    foreign = dataclasses.replace(
        run,
        id="r3",
        model=dataclasses.replace(run.model, bits_per_weight=0.0, size_bytes=0),
        fingerprint=dataclasses.replace(run.fingerprint, tool="inspect 0.3", shots=-1),
    )
    ten = Question("q/10", "s", "?", tuple("abcdefghij"), 9)
    logits = tuple(-1.0 * i for i in range(10))
    record = Record("r3", "q/10", 0, 0, False, logits, 0.0, 0.5, 1.0, -1, math.nan, 0)
    return [
        RunResult(run, QUESTIONS, RECORDS),
        RunResult(texts, QUESTIONS[1:], RECORDS[1:]),
        RunResult(foreign, (ten,), (record,)),
    ]


@pytest.fixture
def load(tmp_path, monkeypatch):
    """`load_dataset`, from the disk alone."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)

    def load(folder, name=None):
        cache = str(tmp_path / "cache")
        loaded = datasets.load_dataset(str(folder), name, cache_dir=cache)
        assert list(loaded) == ["train"]
        return loaded["train"]

    return load


def test_datasets_loads_the_records(results, tmp_path, load):
    assert export_folder(results, tmp_path / "out") == 4
    table = load(tmp_path / "out", "records")
    rows = list(table)
    assert [(row["run_id"], row["question_id"]) for row in rows] == [
        ("r1", "q/1"), ("r1", "q/2"), ("r2", "q/2"), ("r3", "q/10")
    ]  # fmt: skip
    assert rows[0]["choices"] == ["+1", "-2", "@x", "d,\n"]
    assert (rows[0]["correct"], rows[0]["answer"], rows[0]["logit_C"]) == (True, "C", 3.0)
    assert rows[0]["logit_D"] == -math.inf
    assert rows[0]["logit_E"] is rows[1]["logit_A"] is rows[1]["answer"] is None
    assert (rows[3]["logit_J"], rows[3]["tool"]) == (-9.0, "inspect 0.3")
    assert rows[3]["n_tokens"] is rows[3]["bits_per_weight"] is None


def test_datasets_loads_the_runs(results, tmp_path, load):
    export_folder(results, tmp_path / "out")
    first, second, third = load(tmp_path / "out", "runs")
    assert (first["run_id"], first["model"], first["bits_per_weight"]) == ("r1", "Tiny Q8_0", 8.5)
    assert (first["tool"], first["shots"], second["read"]) == ("ggufeval", 5, "sample")
    assert json.loads(first["fingerprint"])["engine"]["n_ctx"] == 4096
    assert third["shots"] is third["size_bytes"] is third["bits_per_weight"] is None
    assert not any("/m/tiny" in str(value) for value in first.values())  # nor the machine's path


def test_the_records_are_what_is_loaded_without_a_name(results, tmp_path, load):
    export_folder(results, tmp_path / "out")
    assert "question_id" in load(tmp_path / "out").column_names


def test_the_columns_are_those_of_the_other_formats(results, tmp_path, load):
    export_folder(results, tmp_path / "out")
    names = load(tmp_path / "out", "records").column_names
    rows = [row for result in results for row in record_rows(result)]
    assert {name for row in rows for name in row} | {"answer_summed"} == set(names)


def test_one_file_a_run(results, tmp_path):
    export_folder(results, tmp_path / "out")
    found = sorted(p.relative_to(tmp_path / "out").as_posix() for p in tmp_path.rglob("*.*"))
    assert found == [
        "README.md",
        "data/records/r1.parquet",
        "data/records/r2.parquet",
        "data/records/r3.parquet",
        "data/runs.parquet",
    ]


def test_an_empty_folder_is_filled_and_another_one_left_alone(results, tmp_path):
    (tmp_path / "empty").mkdir()
    export_folder(results, tmp_path / "empty")
    assert (tmp_path / "empty" / "README.md").is_file()
    with pytest.raises(UsageError, match="a new or an empty folder was expected"):
        export_folder(results, tmp_path / "empty")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="a new or an empty folder was expected"):
        export_folder(results, tmp_path / "file")


def test_it_appears_whole_or_not_at_all(results, tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    write = pq.write_table

    def fail(table, path):
        if path.name == "runs.parquet":
            raise OSError(28, "No space left on device")
        write(table, path)

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(UsageError, match="cannot be written: No space left on device"):
        export_folder(results, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_it_is_on_the_disk_before_it_has_its_name(results, tmp_path, monkeypatch):
    target = tmp_path / "out"
    synced = set()

    def fsync(descriptor: int) -> None:
        assert not target.exists()
        synced.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    export_folder(results, target)
    assert synced >= {path.stat().st_ino for path in target.rglob("*.*")}


def test_nothing_to_write(results, tmp_path):
    with pytest.raises(UsageError, match="no records yet"):
        export_folder([RunResult(results[0].run, (), ())], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "more", "is_folder"),
    [
        ("out/", [], True),
        ("out", ["--format", "datasets"], True),
        ("out.csv", ["--format", "datasets"], True),
        ("out.csv", [], False),
    ],
)
def test_the_command(tmp_path, name, more, is_folder):
    from ggufeval.store import Store

    db = tmp_path / "r.sqlite"
    with Store.open(db) as store:
        run_id = store.begin(make_run(), QUESTIONS)
        store.add_batch(run_id, 0, "p", RECORDS, n_tokens=1, seconds=1.0)
    arguments = ["export", run_id, "-o", f"{tmp_path}/{name}", *more, "--db", str(db)]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "2 records of 1 runs" in done.stdout
    assert (tmp_path / name.rstrip("/")).is_dir() == is_folder
