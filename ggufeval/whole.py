"""Files and folders that are whole or not there, whatever ends the writing."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path beside the target, to write a file or a folder to. It gets the target's name when the
    block ends well.

    What has the name then is on the disk: a power cut does not leave it empty. What killed
    processes left is removed first. Two may write the same target: of files, the last one counts; a
    folder is put in the place of none but an empty one. Processes are told apart by their numbers,
    so that the two must run on one machine. Raises OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    half = target.with_name(f".{target.name}.{os.getpid()}.part")
    _remove(half)  # of an earlier process that had this one's number
    try:
        yield half
        for path in (half, *half.rglob("*")):
            _sync(path)
        half.replace(target)
    finally:
        _remove(half)


def _sync(path: Path) -> None:
    if path.is_file():
        with path.open("rb+") as stream:
            os.fsync(stream.fileno())
    elif os.name == "posix":  # elsewhere a folder is not for opening
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_leftovers(target: Path) -> None:
    """What processes that are no more were writing."""
    for half in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        pid = half.suffixes[-2].removeprefix(".")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            _remove(half)


def _remove(half: Path) -> None:
    with suppress(OSError):
        if half.is_dir() and not half.is_symlink():
            shutil.rmtree(half)
        else:
            half.unlink(missing_ok=True)
