"""The probabilities of all tokens at some answers' positions, as float16 logarithms.

The upper bytes stand before the lower ones and are compressed: 64% of SmolLM2's remain (75% with
the bytes as they come), for 6 ms a position.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from sqlite3 import Connection
from typing import TypeAlias

Key: TypeAlias = tuple[str, int]
"""Of a record: the question's id and the rotation of its choices."""

BYTES_A_TOKEN = 1.3
"""What a token of the vocabulary takes at one position, about."""

_KEYS = "SELECT question_id, rotation FROM vocabulary_logprobs WHERE run_id = ?"
_PAIRS = """
SELECT question_id, rotation, mine.logprobs, theirs.logprobs
FROM vocabulary_logprobs AS mine JOIN vocabulary_logprobs AS theirs USING (question_id, rotation)
WHERE mine.run_id = ? AND theirs.run_id = ? ORDER BY question_id, rotation
"""


def put(db: Connection, run_id: str, vocabularies: Mapping[Key, bytes]) -> None:
    """Store a run's, each unless it is there."""
    db.executemany(
        "INSERT OR IGNORE INTO vocabulary_logprobs VALUES (?, ?, ?, ?)",
        [(run_id, *key, _packed(floats)) for key, floats in vocabularies.items()],
    )


def keys(db: Connection, run_id: str) -> set[Key]:
    """Of which records a run has them."""
    if not _is_there(db):
        return set()
    return {(row[0], row[1]) for row in db.execute(_KEYS, (run_id,))}


def pairs(db: Connection, mine: str, theirs: str) -> Iterator[tuple[Key, bytes, bytes]]:
    """Those of two runs where both have them, one record at a time.

    Raises ValueError where they cannot be read back.
    """
    if not _is_there(db):
        return
    for question_id, rotation, *packed in db.execute(_PAIRS, (mine, theirs)):
        ours, others = (_unpacked(each) for each in packed)
        yield (question_id, rotation), ours, others


def _packed(floats: bytes) -> bytes:
    return zlib.compress(floats[1::2] + floats[0::2])


def _unpacked(packed: bytes) -> bytes:
    try:
        halves = zlib.decompress(packed)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(halves) % 2:
        raise ValueError("half a number at the end")
    floats = bytearray(len(halves))
    floats[1::2], floats[0::2] = halves[: len(halves) // 2], halves[len(halves) // 2 :]
    return bytes(floats)


def _is_there(db: Connection) -> bool:
    """Not in a file of an older format that is open for reading."""
    query = "SELECT 1 FROM sqlite_master WHERE name = 'vocabulary_logprobs'"
    return db.execute(query).fetchone() is not None
