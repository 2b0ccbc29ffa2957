"""Runs of one model file that differ in nothing but their batches.

What flips between two of them, the arithmetic has flipped. They need not have the same questions:
what both were asked is compared, where it stood among other questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from ggufeval.types import Fingerprint, Record, Run, RunResult

Key: TypeAlias = tuple[str, int]
"""Of a record: the question's id and the rotation of its choices."""
Neighbours: TypeAlias = Mapping[Key, frozenset[Key]]
"""What stood in the same batch, itself included."""


def is_repeat(run: Run, other: Run) -> bool:
    """Whether they may differ by the batches alone.

    A plan's hash does not tell whether the prompts were the same: `common_pairs` looks at their
    lengths, and here the data's source must be one.
    """
    return (
        (run.task, run.source) == (other.task, other.source)
        and run.fingerprint.plan_hash != other.fingerprint.plan_hash
        and _without_batches(run.fingerprint) == _without_batches(other.fingerprint)
    )


def _without_batches(fingerprint: Fingerprint) -> Fingerprint:
    engine = replace(fingerprint.engine, n_ctx=0, n_batch=0, n_ubatch=0, n_seq_max=0)
    return replace(fingerprint, plan_hash="", questions_sha256="", engine=engine)


def neighbours(places: Iterable[tuple[Key, int]]) -> Neighbours:
    """Who stands together, from each record's batch."""
    batches: dict[int, list[Key]] = {}
    for key, batch in places:
        batches.setdefault(batch, []).append(key)
    together = (frozenset(keys) for keys in batches.values())
    return {key: keys for keys in together for key in keys}


def elsewhere(run: Run, mine: Neighbours, other: Run, theirs: Neighbours) -> frozenset[Key]:
    """What both have recorded, and computed with other rows.

    The same questions in one batch are the same rows, unless it was cut into other pieces: they
    cannot flip, and would make a floor look lower than it is.
    """
    cut_alike = run.fingerprint.engine.n_ubatch == other.fingerprint.engine.n_ubatch
    common = mine.keys() & theirs.keys()
    return frozenset(key for key in common if not (cut_alike and mine[key] == theirs[key]))


def common_pairs(
    mine: RunResult, theirs: RunResult, keys: frozenset[Key]
) -> tuple[tuple[Record, Record], ...]:
    """Both answers to each of these, in the first run's order, where the prompt was the same."""
    ours, others = ({q.id: q for q in result.questions} for result in (mine, theirs))
    answers = {(r.question_id, r.rotation): r for r in theirs.records}
    found = (
        (record, answers[key])
        for record in mine.records
        if (key := (record.question_id, record.rotation)) in keys
        and ours[record.question_id] == others[record.question_id]
    )
    return tuple((one, other) for one, other in found if one.n_tokens == other.n_tokens)
