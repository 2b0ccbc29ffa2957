"""Files that are whole or not there, whatever ends the writing."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path beside the target, to write to. It gets the target's name when the block ends well.

    What has the name then is on the disk: a power cut does not leave it empty. What killed
    processes left is removed first. Two may write the same target: the last one counts. Raises
    OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    half = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield half
        with half.open("rb+") as stream:
            os.fsync(stream.fileno())
        half.replace(target)
    finally:
        with suppress(OSError):
            half.unlink(missing_ok=True)


def _remove_leftovers(target: Path) -> None:
    """Half files of processes that are no more."""
    for half in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        pid = half.suffixes[-2].removeprefix(".")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            with suppress(OSError):
                half.unlink(missing_ok=True)
