"""`store.upkeep` and the commands under `ggufeval db`."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from ggufeval.cli import cli
from ggufeval.errors import StoreError
from ggufeval.store import Store, database, health, upkeep


@pytest.fixture
def path(stored_database, tmp_path) -> Path:
    path = tmp_path / "r.sqlite"
    path.write_bytes(stored_database)
    return path


def db(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["db", *map(str, arguments)])


def results(path: Path) -> list[object]:
    with Store.open(path, read_only=True) as store:
        return [store.result(run.id) for run in store.runs()]


def fill(path: Path, n_bytes: int = 2_000_000) -> None:
    """What a removed run leaves: pages that nobody uses."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO prompts VALUES ('x', randomblob(?))", (n_bytes,))
        db.commit()
        db.execute("DELETE FROM prompts WHERE plan_hash = 'x'")
        db.commit()


# --- compact -------------------------------------------------------------------------------


def test_what_is_removed_gives_back_its_room(path, stored_database):
    whole = results(path)
    fill(path)
    before, after = upkeep.compact(path)
    assert before > 2_000_000
    assert after <= len(stored_database)
    assert after == path.stat().st_size
    assert results(path) == whole
    assert health.check(path).problems == ()


def test_a_database_in_use_is_left_as_it_is(path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="Another process keeps it locked: wait"):
            upkeep.compact(path)
    assert path.stat().st_size > 2_000_000


def test_no_room_to_compact(path, monkeypatch):
    usage = SimpleNamespace(total=10**9, used=10**9, free=100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    fill(path)
    with pytest.raises(StoreError, match=r"MB of the disk are needed, 0\.1 MB are free"):
        upkeep.compact(path)


# --- backup --------------------------------------------------------------------------------


def test_a_copy_holds_all(path, tmp_path):
    target = tmp_path / "copy.sqlite"
    assert upkeep.backup(path, target) == target.stat().st_size
    assert results(target) == results(path)
    assert health.check(target).problems == ()


def test_a_copy_is_one_file_whatever_stands_beside_the_original(path, tmp_path):
    (tmp_path / "backups").mkdir()
    target = tmp_path / "backups" / "copy.sqlite"
    with Store.open(path) as store:
        run = store.runs()[1]
        store.delete(run.id)  # in the -wal file only
        upkeep.backup(path, target)
    assert [file.name for file in target.parent.iterdir()] == [target.name]
    with Store.open(target, read_only=True) as copy:
        assert run.id not in {one.id for one in copy.runs()}


def test_a_file_that_is_there_is_not_overwritten(path, tmp_path):
    target = tmp_path / "copy.sqlite"
    target.write_text("mine")
    with pytest.raises(StoreError, match=r"it is there already\. Name another file"):
        upkeep.backup(path, target)
    assert target.read_text() == "mine"


def test_a_folder_that_is_not_there(path, tmp_path):
    with pytest.raises(StoreError, match="this folder is not there"):
        upkeep.backup(path, tmp_path / "none" / "copy.sqlite")


def test_a_copy_that_fails_leaves_nothing(path, tmp_path, monkeypatch):
    def full(_self: object, _target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        upkeep.backup(path, tmp_path / "copy.sqlite")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_nothing_to_copy(tmp_path):
    with pytest.raises(StoreError, match="no results are there yet"):
        upkeep.backup(tmp_path / "none.sqlite", tmp_path / "copy.sqlite")


# --- the commands --------------------------------------------------------------------------


def test_check_says_that_it_is_whole_and_what_is_unfinished(path):
    with Store.open(path, read_only=True) as store:
        half, _ = store.runs()
    done = db("check", "--db", path)
    assert done.exit_code == 0
    whole, unfinished = done.stdout.splitlines()
    assert whole.startswith(f"{path}: whole; 2 runs, ")
    assert unfinished == f"Unfinished, their commands go on with them: {half.id}."


def test_check_tells_damage_with_its_exit_status(path, stored_database):
    path.write_bytes(stored_database[:-4096] + bytes(range(256)) * 16)
    done = db("check", "--db", path)
    assert done.exit_code == 1
    assert f"{path}: damaged; " in done.stdout
    assert f"  Page {len(stored_database) // 4096}: " in done.stdout
    assert "Go on with a copy of it from before" in done.stdout
    told = db("check", "--db", path, "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["problems"]


def test_check_in_json(path):
    told = json.loads(db("check", "--db", path, "--json").stdout)
    assert told["path"] == str(path)
    assert told["version"] == database.VERSION
    assert (told["n_runs"], len(told["unfinished"]), told["problems"]) == (2, 1, [])


def test_backup_and_compact_say_how_large_the_files_are(path, tmp_path):
    fill(path)
    target = tmp_path / "copy.sqlite"
    assert db("backup", target, "--db", path).stdout.startswith(f"{target}: 2 MB, whole.")
    assert db("compact", "--db", path).stdout.startswith(f"{path}: 2 MB before, ")


@pytest.mark.parametrize("command", ["check", "compact"])
def test_no_database_is_a_sentence(tmp_path, command):
    done = db(command, "--db", tmp_path / "none.sqlite")
    assert done.exit_code == 2
    assert "no results are there yet" in done.stderr


def test_removed_runs_are_gone(path):
    with Store.open(path, read_only=True) as store:
        half, kept = store.runs()
    asked = CliRunner().invoke(cli, ["db", "remove", half.id, "--db", str(path)], input="n\n")
    assert asked.exit_code == 1
    assert health.check(path).n_runs == 2
    done = db("remove", half.id[:8], half.id, "--yes", "--db", path)
    assert done.exit_code == 0, done.output
    assert f"{half.id}  {half.n_done} of {half.n_questions} answers" in done.stderr
    with Store.open(path, read_only=True) as store:
        assert store.runs() == (kept,)


def test_a_run_that_is_not_there_removes_none(path):
    done = db("remove", "nosuchrun", "--yes", "--db", path)
    assert done.exit_code == 2
    assert health.check(path).n_runs == 2
