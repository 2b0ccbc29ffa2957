"""The questions on which a model and the reference disagree, as the HTML report shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ggufeval.report.numerals import MISSING, visible
from ggufeval.report.rows import rows
from ggufeval.types import LETTERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ggufeval.types import Comparison, Question, Record, RunResult

_MOST_SHOWN = 200
_MOST_CHARACTERS = 150_000
"""Escaped, a character can take six bytes: with this many the page stays below 1 MB."""


@dataclass(frozen=True, slots=True)
class Answer:
    letter: str
    correct: bool


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that at least one model answers differently right or wrong."""

    id: str
    subject: str
    stem: str
    choices: tuple[tuple[str, str], ...]
    """Letter and text."""
    gold: str
    answers: tuple[Answer | None, ...]
    """One a model, in the order of `Flips.models`; None where it was not asked."""


@dataclass(frozen=True, slots=True)
class Flips:
    models: tuple[str, ...]
    shown: tuple[Flip, ...]
    total: int


def flips(comparison: Comparison, results: Sequence[RunResult]) -> Flips:
    """Right in the reference and wrong in a candidate, or the reverse; in the run's order.

    Models without a result are left out; without the reference's nothing can be said.
    """
    by_run = {result.run.id: result for result in results}
    known = [row for row in rows(comparison) if row.score.run.id in by_run]
    if comparison.reference.run.id not in by_run:
        return Flips((), (), 0)
    columns = [_by_question(by_run[row.score.run.id]) for row in known]
    questions = by_run[comparison.reference.run.id].questions
    flipped = [question for question in questions if _is_flipped(question.id, columns)]
    shown: list[Flip] = []
    room = _MOST_CHARACTERS
    for question in flipped[:_MOST_SHOWN]:
        flip = _flip(question, columns)
        room -= len(flip.stem) + sum(len(text) for _, text in flip.choices)
        if room < 0:
            break
        shown.append(flip)
    return Flips(tuple(row.name for row in known), tuple(shown), len(flipped))


def _by_question(result: RunResult) -> dict[str, Record]:
    """Rotated choices have other letters, so only the questions as they stand."""
    return {record.question_id: record for record in result.records if record.rotation == 0}


def _is_flipped(question_id: str, columns: Sequence[Mapping[str, Record]]) -> bool:
    reference = columns[0].get(question_id)
    others = (column.get(question_id) for column in columns[1:])
    return reference is not None and any(
        other is not None and other.correct != reference.correct for other in others
    )


def _flip(question: Question, columns: Sequence[Mapping[str, Record]]) -> Flip:
    return Flip(
        id=visible(question.id),
        subject=visible(question.subject),
        stem=visible(question.stem, keep="\n\t"),
        choices=tuple(
            (letter, visible(choice, keep="\n\t"))
            for letter, choice in zip(LETTERS, question.choices, strict=False)
        ),
        gold=LETTERS[question.answer],
        answers=tuple(_answer(column.get(question.id)) for column in columns),
    )


def _answer(record: Record | None) -> Answer | None:
    if record is None:
        return None
    letter = MISSING if record.letter is None else LETTERS[record.letter]
    return Answer(letter, record.correct)
