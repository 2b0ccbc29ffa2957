"""Rotations of a question's choices: the same question, with every choice at every letter once.

In rotation r the choice at position j is `choices[(j + r) % k]`, so that choice c stands at
position (c - r) % k. Rotation 0 is the question as it is.
"""

from __future__ import annotations

from dataclasses import replace

from ggufeval.types import Question, Record


def rotations(question: Question) -> range:
    """All of them: as many as it has choices."""
    return range(len(question.choices))


def rotated(question: Question, rotation: int) -> Question:
    """The question as it is asked in that rotation."""
    k = len(question.choices)
    return replace(
        question,
        choices=tuple(question.choices[(j + rotation) % k] for j in range(k)),
        answer=(question.answer - rotation) % k,
    )


def restored(record: Record, question: Question, rotation: int) -> Record:
    """The record of a rotated question, in terms of the choices as `question` has them."""
    k = len(question.choices)
    letter = None if record.letter is None else (record.letter + rotation) % k
    # A text has no logits to put in order.
    logits = record.letter_logits and tuple(
        record.letter_logits[(c - rotation) % k] for c in range(k)
    )
    return replace(record, rotation=rotation, letter=letter, letter_logits=logits)
