"""What the disk has no room for: one sentence, nothing left behind, the results kept."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ggufeval import runner, tasks
from ggufeval.cli import cli
from ggufeval.store import Store


@pytest.fixture
def database(q4_0, tmp_path):
    path = tmp_path / "results.sqlite"
    questions = tasks.load("sample", None, limit=16, shots=0)
    with Store.open(path) as store:
        runner.evaluate(q4_0, questions, store, runner.Options(shots=0))
        store.add_to_sweep(store.begin_sweep(), store.runs()[0].id)
    return path


@pytest.mark.parametrize(("command", "name"), [("report", "report.html"), ("bundle", "study.ggb")])
def test_a_file_on_a_full_disk(monkeypatch, database, tmp_path, command, name):
    write = Path.write_bytes

    def fill(path: Path, content: bytes) -> None:
        write(path, content[:4096])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = tmp_path / "out" / name
    arguments = [command, "--db", str(database), "-o", str(target)]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fill)
        result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {target}: cannot be written: No space left on device. Make room or name another "
        f"file; the results are stored, and `ggufeval {command} -o FILE` writes them.\n"
    )
    assert list(target.parent.iterdir()) == []
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    assert [path.name for path in target.parent.iterdir()] == [name]


# A limit on a file's size meets a writer as a full disk does: by a write that falls short.
LIMITED = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from ggufeval.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on a file's size")
def test_records_on_a_disk_that_fills_up(q4_0, stored_batches, tmp_path):
    full, calm = tmp_path / "full.sqlite", tmp_path / "calm.sqlite"
    asked = ["--task", "sample", "--limit", "48", "--shots", "0", "-b", "256", "-ub", "128", "--db"]
    command = ["run", str(q4_0.parts[0]), *asked]
    subprocess.run([sys.executable, "-m", "ggufeval", *command, str(calm)], check=True)
    with Store.open(calm) as store:
        size = store._db.execute("PRAGMA page_count").fetchone()[0] * 4096
    done = None
    for share in (0.9, 0.8, 0.7, 0.6, 0.5):  # how large a journal grows is SQLite's to say
        limit = str(round(share * size))
        full.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, limit, *command, str(full)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and stored_batches(full):
            break
    assert done.returncode == 2
    assert "repeat the command" in done.stderr
    assert "Traceback" not in done.stderr
    subprocess.run([sys.executable, "-m", "ggufeval", *command, str(full)], check=True)
    with Store.open(full) as one, Store.open(calm) as other:
        (run,) = one.runs()
        assert one.result(run.id).records == other.result(run.id).records
        assert run.n_done == run.n_questions == 48
