"""The prompts of a plan, which all its runs share: one compressed piece.

All of MMLU's, with five shots, are 42 MB of text, 6.6 MB with what a subject shares once, and
2.1 MB here.
"""

from __future__ import annotations

import json
import zlib
from sqlite3 import Connection

from ggufeval.types import Prompts, Question


def put(db: Connection, plan_hash: str, prompts: Prompts) -> None:
    """Store them, unless they are there."""
    if db.execute("SELECT 1 FROM prompts WHERE plan_hash = ?", (plan_hash,)).fetchone():
        return
    rest = [(*key, *value) for key, value in prompts.rest.items()]
    tree = {
        "shared": prompts.shared,
        "rest": rest,
        "faults": prompts.faults,
        "remarks": prompts.remarks,
        "shots": [
            (q.id, q.subject, q.stem, q.choices, q.answer)
            for group in prompts.shots.values()
            for q in group
        ],
    }
    text = json.dumps(tree, separators=(",", ":"))
    db.execute("INSERT INTO prompts VALUES (?, ?)", (plan_hash, zlib.compress(text.encode())))


def get(db: Connection, plan_hash: str) -> Prompts | None:
    """None where they were not kept. Raises ValueError where they cannot be read back."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'prompts'").fetchone():
        return None  # a file of an older format, open for reading
    query = "SELECT texts FROM prompts WHERE plan_hash = ?"
    found = db.execute(query, (plan_hash,)).fetchone()
    if not found:
        return None
    try:
        tree = json.loads(zlib.decompress(found["texts"]))
    except zlib.error as error:
        raise ValueError(str(error)) from error
    rest = {(name, rotation): (place, text) for name, rotation, place, text in tree["rest"]}
    shots: dict[str, tuple[Question, ...]] = {}
    for name, subject, stem, choices, answer in tree.get("shots", ()):  # not kept before
        question = Question(name, subject, stem, tuple(choices), answer)
        shots[subject] = (*shots.get(subject, ()), question)
    said = (tuple(map(str, tree.get(name, ()))) for name in ("faults", "remarks"))
    return Prompts(tuple(tree["shared"]), rest, shots, *said)
