"""The edge: what leaves the house as a message and an exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from ggufeval.cli._main import edge
from ggufeval.errors import DataError

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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to a group")
def test_ctrl_c_leaves_with_130_and_says_how_to_go_on(q4_0, stored_batches, tmp_path: Path):
    database = tmp_path / "results.sqlite"
    command = [*COMMAND, "run", str(q4_0.parts[0]), "--task", "sample", "--shots", "1"]
    with subprocess.Popen(
        [*command, "-b", "256", "-ub", "128", "--db", str(database)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 120
        while not stored_batches(database):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted. What is done is stored" in said
    assert "Traceback" not in said
