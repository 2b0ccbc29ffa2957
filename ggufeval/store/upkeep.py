"""What keeps a results database small and safe: its room given back, a copy of it made."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from ggufeval.errors import StoreError
from ggufeval.store import database
from ggufeval.whole import whole


def compact(path: Path) -> tuple[int, int]:
    """Give back the room of what was removed; the bytes of the file before and after.

    Raises StoreError where the disk lacks the room of another copy, where another process writes,
    and as `database.connect` does. What goes wrong on the way leaves the file as it was.
    """
    path = Path(path).absolute()
    with closing(database.connect(path, create=False, read_only=False)) as db:
        with database.explained(path):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = path.stat().st_size
        _check_room(path.parent, 2 * before)  # a copy, and the journal that puts it in its place
        with database.explained(path):
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, path.stat().st_size


def backup(path: Path, target: Path) -> int:
    """Copy a database as it is at one moment, whoever writes meanwhile; the copy's bytes.

    The copy is one file that needs none beside it. It gets its name when it is whole.

    Raises StoreError where `target` is there already or cannot be written, and as
    `database.connect` does.
    """
    path, target = Path(path).absolute(), Path(target).absolute()
    if target.exists():
        raise StoreError(f"{target}: it is there already. Name another file, or remove it.")
    with closing(database.connect(path, create=False, read_only=True)) as db:
        _check_room(target.parent, path.stat().st_size)
        with (
            whole(target) as half,
            database.explained(target),
            closing(sqlite3.connect(half)) as copy,
        ):
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    return target.stat().st_size


def _check_room(folder: Path, need: int) -> None:
    if not folder.is_dir():
        raise StoreError(f"{folder}: this folder is not there. Make it, or name another file.")
    free = shutil.disk_usage(folder).free
    if free < need:
        raise StoreError(
            f"{folder}: {need / 1e6:,.1f} MB of the disk are needed, {free / 1e6:,.1f} MB are "
            "free. Make room, or use another disk."
        )
