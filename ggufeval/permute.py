"""stub until merged"""

from __future__ import annotations

from dataclasses import replace

from ggufeval.types import Question, Record


def rotations(question: Question) -> range:
    return range(len(question.choices))


def rotated(question: Question, rotation: int) -> Question:
    k = len(question.choices)
    choices = tuple(question.choices[(j + rotation) % k] for j in range(k))
    return replace(question, choices=choices, answer=(question.answer - rotation) % k)


def restored(record: Record, question: Question, rotation: int) -> Record:
    k = len(question.choices)
    letter = None if record.letter is None else (record.letter + rotation) % k
    logits = record.letter_logits
    back = tuple(logits[(c - rotation) % k] for c in range(k)) if logits else ()
    return replace(record, rotation=rotation, letter=letter, letter_logits=back)
