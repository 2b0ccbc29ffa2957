"""The SQLite file: its tables, how it tells whose it is, what its errors mean."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ggufeval.errors import StoreError

APPLICATION_ID = 0x47474556
"""`GGEV`, in the header of the file: how SQLite files tell whose they are."""

VERSION = 6
"""`user_version` of the file. It grows whenever the tables or the values in them change."""

BUSY_SECONDS = 10.0
"""How long to wait for another process that is writing."""

_SCHEMA = """
CREATE TABLE models (sha256 TEXT PRIMARY KEY, info TEXT NOT NULL);
CREATE TABLE questions (
    questions_sha256 TEXT, position INTEGER NOT NULL, id TEXT, subject TEXT NOT NULL,
    stem TEXT NOT NULL, choices TEXT NOT NULL, answer INTEGER NOT NULL,
    PRIMARY KEY (questions_sha256, id)
);
CREATE TABLE runs (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL, fingerprint TEXT NOT NULL,
    attempt INTEGER NOT NULL, model_sha256 TEXT NOT NULL REFERENCES models,
    questions_sha256 TEXT NOT NULL, label TEXT NOT NULL, task TEXT NOT NULL,
    source TEXT NOT NULL, design TEXT NOT NULL, population TEXT NOT NULL,
    n_questions INTEGER NOT NULL, n_batches INTEGER NOT NULL, status TEXT NOT NULL,
    created TEXT NOT NULL, command TEXT NOT NULL, peak_rss INTEGER NOT NULL,
    UNIQUE (digest, attempt)
);
CREATE TABLE batches (
    run_id TEXT REFERENCES runs ON DELETE CASCADE, position INTEGER, chain TEXT NOT NULL,
    n_tokens INTEGER NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (run_id, position)
);
CREATE TABLE records (
    run_id TEXT REFERENCES runs ON DELETE CASCADE, question_id TEXT, rotation INTEGER,
    batch INTEGER NOT NULL, letter INTEGER, correct INTEGER NOT NULL,
    letter_logits BLOB NOT NULL, logsumexp REAL, letter_mass REAL, margin REAL,
    top_token INTEGER NOT NULL, top_logit REAL, n_tokens INTEGER NOT NULL,
    text TEXT, parse_error TEXT, partial INTEGER NOT NULL,
    PRIMARY KEY (run_id, question_id, rotation)
);
CREATE TABLE sweeps (id INTEGER PRIMARY KEY, created TEXT NOT NULL);
CREATE TABLE sweep_runs (
    position INTEGER PRIMARY KEY, sweep_id INTEGER NOT NULL REFERENCES sweeps,
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    UNIQUE (sweep_id, run_id)
);
"""
_ADDED = {
    3: "CREATE TABLE IF NOT EXISTS prompts (plan_hash TEXT PRIMARY KEY, texts BLOB NOT NULL)",
    4: """
CREATE TABLE IF NOT EXISTS vocabulary_logprobs (
    run_id TEXT REFERENCES runs ON DELETE CASCADE, question_id TEXT, rotation INTEGER,
    logprobs BLOB NOT NULL, PRIMARY KEY (run_id, question_id, rotation)
)""",
}
"""Format -> the table that came with it. An older file gets it when it is opened for writing."""

_ADVICE = {
    "SQLITE_BUSY": "Another process keeps it locked: wait until that one is done.",
    "SQLITE_CANTOPEN": "Check that its folder exists and that you may write there.",
    "SQLITE_CORRUPT": "It is damaged: go on with a copy, or with another file.",
    "SQLITE_FULL": "The disk is full: make room and repeat the command, it goes on from here.",
    "SQLITE_IOERR": "The disk fails or is full: make room or see to it, and repeat the command; it "
    "goes on from here.",
    "SQLITE_NOTADB": "It is no results database of ggufeval: name another file.",
    "SQLITE_PERM": "Check that you may write the file.",
    "SQLITE_READONLY": "You may only read it: check the permissions of the file and its folder.",
}
_CLASHES = {
    "SQLITE_CONSTRAINT_FOREIGNKEY": "removed run {}. Repeat the command to begin it anew.",
    "SQLITE_CONSTRAINT_PRIMARYKEY": "answered the same questions of run {} first, and its answers "
    "stay. Let it finish, then repeat the command: it goes on from there.",
}


def connect(path: Path, *, create: bool, read_only: bool) -> sqlite3.Connection:
    """Open the file at an absolute path, or make it with its folders.

    Raises StoreError where it is not there, not ours, newer than we are, or not writable.
    Nothing is written to a file that is not ours.
    """
    if path.is_dir():
        raise StoreError(f"{path}: a results database was expected; this is a folder.")
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise StoreError(f"{path}: a results database was expected; this is no file.")
    if not create and not path.exists():
        raise StoreError(f"{path}: no results are there yet. Run something, or name another file.")
    _check_owner(path)
    if create:
        _make_folder(path.parent)
    with explained(path):
        uri = f"{path.as_uri()}?{_mode(path, read_only=read_only)}"
        db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _prepare(db, path, create=create, read_only=read_only)
        except BaseException:
            db.close()
            raise
    db.row_factory = sqlite3.Row
    return db


def _check_owner(path: Path) -> None:
    """Raises StoreError for another program's database, before SQLite is let near it: opened in
    earnest, what a crash has left beside the file (a journal, a WAL) is put into it, or removed."""
    if not path.is_file():
        return
    with suppress(sqlite3.Error):  # what cannot be read like this is explained where it is opened
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            (owner,) = db.execute("PRAGMA application_id").fetchone()
            is_foreign = owner != APPLICATION_ID and bool(owner or _tables(db))
        if is_foreign:
            raise StoreError(
                f"{path}: a results database of ggufeval was expected; this one belongs to another "
                "program. Name another file."
            )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StoreError, with what to do."""
    try:
        yield
    except (sqlite3.Error, UnicodeEncodeError) as error:
        name = getattr(error, "sqlite_errorname", "")
        advice = next((text for code, text in _ADVICE.items() if name.startswith(code)), "")
        raise StoreError(f"{path}: {error}. {advice}".rstrip()) from error


@contextmanager
def transaction(db: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All that is written inside, or nothing."""
    with explained(path):
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


@contextmanager
def alone(path: Path, run_id: str) -> Iterator[None]:
    """Turn what another process did to the same run into StoreError, with what to do."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        if clash := _CLASHES.get(error.sqlite_errorname):
            raise StoreError(f"{path}: another process {clash.format(run_id)}") from error
        raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{folder}: the folder for the results cannot be made: {error.strerror}. "
            "Name another file."
        ) from error


def _mode(path: Path, *, read_only: bool) -> str:
    if not read_only:
        return "mode=rwc"
    # To read a database in WAL mode, SQLite makes files beside it. Where it may not, and nobody
    # else has made them, nobody is writing, and the file can be read without.
    effective = os.access in os.supports_effective_ids
    writable = os.access(path.parent, os.W_OK, effective_ids=effective)
    if writable or path.with_name(f"{path.name}-wal").exists():
        return "mode=ro"
    return "mode=ro&immutable=1"


def _prepare(db: sqlite3.Connection, path: Path, *, create: bool, read_only: bool) -> None:
    db.execute("BEGIN")  # one view of the file, whatever others write meanwhile
    empty = _is_empty(db, path)
    db.execute("COMMIT")
    if empty and not create:
        raise StoreError(f"{path}: it holds no results yet. Run something, or name another file.")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA trusted_schema = OFF")
    if read_only:
        return
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA fullfsync = ON")  # macOS: plain fsync leaves data in the drive's cache
    with transaction(db, path):
        if empty and _is_empty(db, path):  # another process may have been faster
            _make_tables(db)
        for statement in _ADDED.values():
            db.execute(statement)
        # Always, since only a write finds out, and before the first batch, whether writing fails.
        db.execute(f"PRAGMA user_version = {VERSION}")
    _write_ahead(db)


def _write_ahead(db: sqlite3.Connection) -> None:
    """SQLite itself does not wait here for another process that has just made the file."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _is_empty(db: sqlite3.Connection, path: Path) -> bool:
    """Whether there are no tables yet. Raises StoreError unless those that are there are ours."""
    (owner,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    tables = _tables(db)
    if owner == 0 and not tables:
        return True
    if owner != APPLICATION_ID:
        raise StoreError(
            f"{path}: a results database of ggufeval was expected; this one belongs to another "
            "program. Name another file."
        )
    if version > VERSION:
        raise StoreError(
            f"{path}: written by a newer ggufeval (format {version}; this one knows {VERSION}). "
            "Upgrade ggufeval, or name another file."
        )
    if any(tables.get(name) != columns for name, columns in _expected_tables(version).items()):
        raise StoreError(
            f"{path}: its tables are not those of format {version}. Name another file."
        )
    if strange := _strange(db):
        raise StoreError(
            f"{path}: it holds the {strange}, which ggufeval never makes and which could change "
            "what is stored. Remove it, or name another file."
        )
    return False


def _make_tables(db: sqlite3.Connection) -> None:
    for statement in _SCHEMA.split(";"):  # executescript would commit
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _tables(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Table -> its columns."""
    tables: dict[str, list[str]] = {}
    for name, column in db.execute(
        "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
        " WHERE m.type = 'table' ORDER BY m.name, c.cid"
    ):
        tables.setdefault(name, []).append(column)
    return tables


def _strange(db: sqlite3.Connection) -> str:
    """What acts when our tables are written, or only looks like one of them; else empty."""
    found = db.execute(
        "SELECT type, name, lower(tbl_name) FROM sqlite_master"
        " WHERE type = 'trigger' OR sql LIKE 'CREATE VIRTUAL%'"
    )
    ours = _expected_tables(VERSION)
    return next((f"{kind} {name}" for kind, name, table in found if table in ours), "")


def _expected_tables(version: int) -> dict[str, list[str]]:
    db = sqlite3.connect(":memory:")
    try:
        db.executescript(_SCHEMA)
        for since, statement in _ADDED.items():
            if version >= since:
                db.execute(statement)
        return _tables(db)
    finally:
        db.close()
