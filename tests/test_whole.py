"""Files and folders that are whole or not there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ggufeval.whole import whole


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new folder" / "a[1].txt"


def test_it_has_its_name_when_all_is_written(target):
    with whole(target) as half:
        half.write_text("all of it")
        assert not target.exists()
        assert half.parent == target.parent
        assert half.name.startswith(".")
    assert target.read_text() == "all of it"
    assert list(target.parent.iterdir()) == [target]


def test_what_was_there_stays_where_writing_fails(target):
    with whole(target) as half:
        half.write_text("old")

    def fail() -> None:
        with whole(target) as half:
            half.write_text("ne")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.fixture
def synced(target, monkeypatch):
    """The inodes that are synced, all before the target has its name."""
    found = []

    def fsync(descriptor: int) -> None:
        assert not target.exists()
        found.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    return found


def test_it_is_on_the_disk_before_it_has_its_name(target, synced):
    with whole(target) as half:
        half.write_text("all of it")
    assert synced == [target.stat().st_ino]


def test_a_folder_is_on_the_disk_before_it_has_its_name(target, synced):
    with whole(target) as half:
        (half / "inner").mkdir(parents=True)
        (half / "inner" / "file").write_text("all of it")
    folders = [target, target / "inner"] if os.name == "posix" else []
    paths = [*folders, target / "inner" / "file"]
    assert synced == [path.stat().st_ino for path in paths]
    assert list(target.parent.iterdir()) == [target]


def test_two_at_once_each_write_their_own(target):
    # Under one name, the first would give its name to what the second has written by then.
    program = "import sys, time\nfrom pathlib import Path\nfrom ggufeval.whole import whole\n"
    program += "with whole(Path(sys.argv[1])) as half:\n    half.write_text('theirs')\n"
    program += "    print('ready', flush=True)\n    sys.stdin.read()\n"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "ready\n"
        with whole(target) as half:
            half.write_text("mine")
        assert target.read_text() == "mine"
        other.stdin.close()
    assert other.returncode == 0
    assert target.read_text() == "theirs"
    assert list(target.parent.iterdir()) == [target]


def test_what_a_killed_process_left_is_removed_and_no_others(target):
    target.parent.mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    left = target.with_name(f".{target.name}.{gone.pid}.part")
    alive = target.with_name(f".{target.name}.{os.getppid()}.part")
    own = target.with_name(f".{target.name}.draft.part")
    again = target.with_name(f".{target.name}.{os.getpid()}.part")
    for path in (left, again):
        (path / "inner").mkdir(parents=True)
    for path in (left / "inner" / "file", alive, own):
        path.write_text("half")
    with whole(target) as half:
        half.write_text("all of it")
    assert {path.name for path in target.parent.iterdir()} == {target.name, alive.name, own.name}
