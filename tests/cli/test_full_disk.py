"""A report that the disk has no room for: one sentence, nothing left behind, the results kept."""

from __future__ import annotations

import errno
import os
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


def test_a_report_on_a_full_disk(monkeypatch, database, tmp_path):
    write = Path.write_bytes

    def fill(path: Path, content: bytes) -> None:
        write(path, content[:4096])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = tmp_path / "out" / "report.html"
    arguments = ["report", "--db", str(database), "-o", str(target)]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fill)
        result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {target}: cannot be written: No space left on device. Make room or name another "
        "file; the results are stored, and `ggufeval report -o FILE` writes them.\n"
    )
    assert list(target.parent.iterdir()) == []
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]
