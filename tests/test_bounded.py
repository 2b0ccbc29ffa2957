"""What somebody else's file may be, and may take."""

from __future__ import annotations

import os
import sys

import pytest

from ggufeval import bounded

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a limit that holds")


@ON_LINUX
def test_memory_ends_where_it_should_and_comes_back():
    with bounded.memory(1 << 28):
        assert len(bytes(1 << 20)) == 1 << 20
        with pytest.raises(MemoryError):
            bytes(1 << 29)
    assert len(bytes(1 << 29)) == 1 << 29


@ON_LINUX
def test_the_limit_goes_with_an_error():
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(KeyError), bounded.memory(1 << 28):
        raise KeyError
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("h\u00e9", encoding="utf-8")
    assert bounded.text(path) == "h\u00e9"
    assert bounded.text(path, 3) == "h\u00e9"
    with pytest.raises(OSError, match="it has more than 0 MiB"):
        bounded.text(path, 2)
    with pytest.raises(FileNotFoundError):
        bounded.text(tmp_path / "none")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes nor devices there")
def test_what_never_ends_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(OSError, match="it is a pipe or a device"):
            bounded.text(tmp_path / name)
