"""Runs of one model file that differ in nothing but their batches.

What flips between two of them, the arithmetic has flipped. They need not have the same questions:
what both were asked is compared, where it stood behind other questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from ggufeval.types import Fingerprint, Repeat, Run, RunResult

Key: TypeAlias = tuple[str, int]
"""Of a record: the question's id and the rotation of its choices."""
Places: TypeAlias = Mapping[Key, tuple[Key, ...]]
"""What stood before it in its batch."""


def is_repeat(run: Run, other: Run) -> bool:
    """Whether they may differ by the batches alone.

    A plan's hash does not tell whether the prompts were the same: `paired` looks at their
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


def places(found: Iterable[tuple[Key, int]]) -> Places:
    """Where each record stands, from its batch; they come in the order in which they were asked."""
    batches: dict[int, list[Key]] = {}
    for key, batch in found:
        batches.setdefault(batch, []).append(key)
    return {key: tuple(keys[:i]) for keys in batches.values() for i, key in enumerate(keys)}


def elsewhere(mine: Places, theirs: Places) -> frozenset[Key]:
    """What both have recorded, at another place of a batch.

    Behind the same rows a question is computed as before, mostly to the bit: it cannot flip, and
    would make a floor look lower than it is.
    """
    return frozenset(key for key in mine.keys() & theirs.keys() if mine[key] != theirs[key])


def paired(mine: RunResult, theirs: RunResult, keys: frozenset[Key]) -> Repeat:
    """Both answers to each of these, in the first run's order, where the prompt was the same.

    Without any pair it is none.
    """
    ours, others = ({q.id: q for q in result.questions} for result in (mine, theirs))
    answers = {(r.question_id, r.rotation): r for r in theirs.records}
    found = [
        (record, answers[key])
        for record in mine.records
        if (key := (record.question_id, record.rotation)) in answers
        and ours[record.question_id] == others[record.question_id]
        and record.n_tokens == answers[key].n_tokens
    ]
    return Repeat(
        theirs.run.id,
        tuple(pair for pair in found if (pair[0].question_id, pair[0].rotation) in keys),
        n_common=len({record.question_id for record, _ in found}),
    )
