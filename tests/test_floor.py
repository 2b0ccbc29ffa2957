"""A flip floor from end to end: measured once, found again, shown with the comparison."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from ggufeval import floor, runner, tasks
from ggufeval.cli import cli
from ggufeval.store import Store

OPTIONS = runner.Options(shots=0)
SUBJECTS = ("anatomy", "astronomy")


def invoke(*arguments: object):
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def swept(q4_0, tmp_path_factory):
    """20 questions, and 12 of them once more; then their command repeated."""
    database = tmp_path_factory.mktemp("floor") / "results.sqlite"
    command = ["sweep", *q4_0.parts, "--task", "sample", "--shots", 0]
    command += ["--subjects", f"{SUBJECTS[0]},{SUBJECTS[1]}", "--floor", 12, "--db", database]
    return database, invoke(*command), invoke(*command)


def test_it_is_measured_once(swept):
    database, first, again = swept
    assert first.stderr.count(", measured: ") == 1
    assert again.stderr.count(", known: ") == 1
    assert "the same file again" not in again.stderr
    with Store.open(database, read_only=True) as store:
        assert sorted(run.n_done for run in store.runs()) == [12, 20]
        assert [run.n_done for run in store.latest()] == [20]


def test_the_comparison_shows_it(swept):
    database, first, _ = swept
    assert "Flip floor, the answers of one file that turn right or wrong" in first.stdout
    assert first.stdout == swept[2].stdout
    (model,) = json.loads(invoke("compare", "--db", database, "--format", "json").stdout)["models"]
    assert 6 < model["flip_floor_n"] <= 12
    assert 0 <= model["flip_floor"] < 0.5


def test_the_list_of_runs_tells_its_batches(swept):
    assert invoke("runs", "--db", swept[0]).stdout.count("letter -b 128") == 1


@pytest.mark.parametrize(
    ("asked", "again"),
    [
        ((2048, 512), (128, 128)),
        ((256, 64), (128, 64)),
        ((128, 128), (64, 64)),
        ((32, 32), (128, 32)),
    ],
)
def test_the_batches_are_others(asked, again):
    n_batch, n_ubatch = asked
    options = replace(OPTIONS, n_batch=n_batch, n_ubatch=n_ubatch, force=True)
    other = floor._other_batches(options)
    assert (other.n_batch, other.n_ubatch) == again
    assert replace(other, n_batch=n_batch, n_ubatch=n_ubatch, force=True) == options


def test_a_question_a_subject_stands_behind_no_other(q4_0, tmp_path):
    questions = tasks.load("sample", None, subjects=SUBJECTS, limit=2, shots=0)
    said: list[str] = []
    with Store.open(tmp_path / "r.sqlite") as store:
        run = runner.evaluate(q4_0, questions, store, OPTIONS)
        floor.measure(q4_0, run, questions, store, OPTIONS, n=16, say=said.append)
        assert store.repeat(store.result(run.id)) is None
    assert said[-1].endswith("behind others in its batch. Take more questions a subject.")
