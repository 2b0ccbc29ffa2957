"""The edge: what leaves the house as a message and an exit status."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from contextlib import closing
from pathlib import Path

import click
import psutil
import pytest

from ggufeval.cli._main import edge
from ggufeval.errors import DataError
from ggufeval.store import Store
from ggufeval.types import RunStatus

ROOT = Path(__file__).parents[2]
# Where tests run in the background, SIGINT is ignored, which children inherit: a terminal's own
# child has Python's handler.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from ggufeval.cli import main
main()
"""
COMMAND = [sys.executable, "-c", PROGRAM]


def test_errors_of_ours_leave_with_2():
    with pytest.raises(click.ClickException, match="no rows") as caught, edge():
        raise DataError("no rows")
    assert caught.value.exit_code == 2


def test_errors_of_the_system_name_the_file():
    with pytest.raises(click.ClickException, match=r"results: Permission denied"), edge():
        raise PermissionError(13, "Permission denied", "results")


def test_a_reader_that_has_seen_enough_is_no_error():
    with pytest.raises(BrokenPipeError), edge():
        raise BrokenPipeError


SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
MODULE, NAME = SCRIPTS["ggufeval"].split(":")


@pytest.mark.parametrize(
    "arguments", [["-m", "ggufeval"], ["-c", f"from {MODULE} import {NAME}; {NAME}()"]]
)
def test_ctrl_c_while_the_command_line_is_loaded(tmp_path: Path, arguments):
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


HELP = """
from ggufeval.cli import _main

def list_commands(*_):
    raise KeyboardInterrupt

_main.CommandFolder.list_commands = list_commands
_main.main()
"""


def test_ctrl_c_while_the_help_is_made():
    command = [sys.executable, "-c", HELP, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr.startswith("\nInterrupted.")


@pytest.fixture
def start(q4_0, tmp_path: Path):
    """A run of some seconds, in a process group of its own."""

    def begin(database: Path, *more: str) -> subprocess.Popen[str]:
        temporary = tmp_path / "tmp"
        temporary.mkdir(exist_ok=True)
        command = [*COMMAND, "run", str(q4_0.parts[0]), "--task", "sample", "--shots", "1"]
        return subprocess.Popen(
            [*command, "--limit", "48", "-b", "256", "-ub", "128", *more, "--db", str(database)],
            env={**os.environ, "TMPDIR": str(temporary)},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return begin


@pytest.fixture
def wait(stored_batches):
    """Until a batch is stored."""

    def until(process: subprocess.Popen[str], database: Path) -> None:
        deadline = time.monotonic() + 300
        while not stored_batches(database):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)

    return until


def models_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The model's processes of a command."""
    children = psutil.Process(process.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=300)
    assert "Traceback" not in said
    return process.returncode, said


def answers(database: Path, n_runs: int = 1) -> dict[str, object]:
    """Run -> its records; all of them are there."""
    with Store.open(database, read_only=True) as store:
        runs = store.runs()
        assert [run.status for run in runs] == [RunStatus.DONE] * n_runs
        assert all(run.n_done == run.n_questions for run in runs)
        return {run.id: store.result(run.id).records for run in runs}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to a group")
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_leaves_with_130_and_says_how_to_go_on(
    start, wait, stored_batches, tmp_path: Path, times
):
    database = tmp_path / "results.sqlite"
    with start(database) as process:
        wait(process, database)
        os.killpg(process.pid, signal.SIGINT)
        if times == 2:
            time.sleep(0.02)
            os.killpg(process.pid, signal.SIGINT)
        status, said = end(process)
    assert status == 130
    assert said.count("Interrupted. What is done is stored") == 1
    assert stored_batches(database) > 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to a group")
def test_ctrl_c_while_a_models_process_starts(start, tmp_path: Path):
    database = tmp_path / "results.sqlite"
    with start(database) as process:
        deadline = time.monotonic() + 300
        while not models_of(process):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGINT)  # to the child as well, which is hardly there
        status, said = end(process)
    assert status == 130
    assert said.count("Interrupted. What is done is stored") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")
def test_a_models_process_that_the_system_kills(start, wait, tmp_path: Path):
    database, calm = tmp_path / "results.sqlite", tmp_path / "calm.sqlite"
    with start(database) as process:
        wait(process, database)
        (models,) = models_of(process)
        models.kill()
        status, said = end(process)
    assert status == 2
    assert "the model's process was killed, most likely for want of memory" in said
    assert "Repeat the command to go on." in said
    for path in (database, calm):
        with start(path) as process:
            assert end(process)[0] == 0
    assert answers(database) == answers(calm)


def test_two_processes_on_one_database(start, tmp_path: Path):
    database, calm = tmp_path / "results.sqlite", tmp_path / "calm.sqlite"
    with start(database) as one, start(database, "--shots", "0") as other:
        assert [end(one)[0], end(other)[0]] == [0, 0]
    for more in ((), ("--shots", "0")):
        with start(calm, *more) as process:
            assert end(process)[0] == 0
    assert answers(database, 2) == answers(calm, 2)


def test_two_processes_on_the_same_run(start, wait, tmp_path: Path):
    database, calm = tmp_path / "results.sqlite", tmp_path / "calm.sqlite"
    with start(database) as slower:
        wait(slower, database)
        with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")  # so that it does not stand still with the lock
            psutil.Process(slower.pid).suspend()
            db.execute("ROLLBACK")
        try:
            with start(database) as faster:
                assert end(faster)[0] == 0
        finally:
            psutil.Process(slower.pid).resume()
        status, said = end(slower)
    (run_id,) = answers(database)
    assert status == 2
    assert said.splitlines()[-1] == (
        f"Error: {database}: another process answered the same questions of run {run_id} first, "
        "and its answers stay. Let it finish, then repeat the command: it goes on from there."
    )
    with start(calm) as process:
        assert end(process)[0] == 0
    assert answers(database) == answers(calm)
