"""Whether a results database is whole. Nothing is written to it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ggufeval.store import database
from ggufeval.types import RunStatus

_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Health:
    """What a database says of itself."""

    version: int
    """Its format; `ggufeval` reads all up to `database.VERSION`."""
    size_bytes: int
    n_runs: int
    unfinished: tuple[str, ...]
    """Ids of the runs that go on when their command is repeated, or that are going on now."""
    problems: tuple[str, ...]
    """SQLite's own sentences, at most 20; none where the file is whole."""


def check(path: Path) -> Health:
    """Look through the whole file, which takes seconds a gigabyte.

    Raises StoreError where it is not there, is another program's, was written by a newer ggufeval,
    or is so damaged that it cannot be read at all.
    """
    path = Path(path).absolute()
    with (
        closing(database.connect(path, create=False, read_only=True)) as db,
        database.explained(path),
    ):
        (version,) = db.execute("PRAGMA user_version").fetchone()
        found = db.execute(f"PRAGMA quick_check({_MOST_PROBLEMS})").fetchall()
        said = [line for row in found for line in str(row[0]).splitlines()]
        problems = [line for line in said if line != "ok" and not line.startswith("***")]
        if not problems:
            orphans = db.execute("PRAGMA foreign_key_check").fetchmany(_MOST_PROBLEMS)
            problems = [
                f"row {row['rowid']} of {row['table']} belongs to no row of {row['parent']}"
                for row in orphans
            ]
        (n_runs,) = db.execute("SELECT COUNT(*) FROM runs").fetchone()
        running = db.execute(
            "SELECT id FROM runs WHERE status = ? ORDER BY rowid", (RunStatus.RUNNING.value,)
        ).fetchall()
        return Health(
            version,
            path.stat().st_size,
            n_runs,
            tuple(str(row["id"]) for row in running),
            tuple(problems),
        )
