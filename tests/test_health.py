"""`store.health`: whether a results database is whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ggufeval.errors import StoreError
from ggufeval.store import Store, database, health


@pytest.fixture
def copy(stored_database, tmp_path) -> Path:
    path = tmp_path / "r.sqlite"
    path.write_bytes(stored_database)
    return path


def test_a_whole_database(copy):
    found = health.check(copy)
    with Store.open(copy, read_only=True) as store:
        half, done = store.runs()
    assert found.problems == ()
    assert found.n_runs == 2
    assert found.unfinished == (half.id,)
    assert half.status == "running"
    assert done.status == "done"
    assert found.version == database.VERSION
    assert found.size_bytes == copy.stat().st_size


def test_nothing_is_written(copy, stored_database):
    health.check(copy)
    assert copy.read_bytes() == stored_database
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_damaged_page(copy, stored_database):
    """The last one, overwritten."""
    copy.write_bytes(stored_database[:-4096] + bytes(range(256)) * 16)
    problems = health.check(copy).problems
    assert problems[0].startswith(f"Page {len(stored_database) // 4096}: ")


def test_a_file_that_was_cut(copy, stored_database):
    copy.write_bytes(stored_database[: len(stored_database) // 2])
    try:
        problems = health.check(copy).problems
    except StoreError as error:
        problems = (str(error),)
    assert problems


def test_records_of_no_run(copy):
    with closing(sqlite3.connect(copy)) as db:
        db.execute("DELETE FROM runs WHERE status = 'running'")
        db.commit()
    found = health.check(copy)
    assert found.n_runs == 1
    assert found.problems[0].endswith("belongs to no row of runs")
    assert len(found.problems) <= 20


def test_a_newer_ggufeval_wrote_it(copy):
    with closing(sqlite3.connect(copy)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"newer ggufeval \(format 99.*Upgrade ggufeval"):
        health.check(copy)


def test_no_database(tmp_path):
    with pytest.raises(StoreError, match="no results are there yet"):
        health.check(tmp_path / "none.sqlite")
    (tmp_path / "other.sqlite").write_text("no database at all, but long enough to be read as one")
    with pytest.raises(StoreError, match="name another file"):
        health.check(tmp_path / "other.sqlite")
