"""A ladder as rows of text and the notes that they point to.

Every report takes its cells from here, so that all of them say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING

from ggufeval.report import numerals
from ggufeval.report.numerals import MISSING
from ggufeval.types import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ggufeval.types import Ladder, Rung, RungResult, Score, StudyFigure

NOT_AVAILABLE = "n/a"

_LONGEST_STYLE = 24


@dataclass(frozen=True, slots=True)
class Note:
    mark: str
    """A letter, which stands behind a cell."""
    text: str


@dataclass(frozen=True, slots=True)
class RungRow:
    """One rung. `-`: there is no such value; intervals are empty then."""

    result: RungResult
    number: str
    style: str
    style_mark: str
    decoding: str
    micro: str
    """As studied, or `n/a`; then what follows is empty."""
    micro_mark: str
    micro_interval: str
    macro: str
    unread: str
    grammar: str
    grammar_interval: str
    grammar_macro: str
    cost: str
    cost_interval: str
    published: str
    published_mark: str
    published_macro: str

    @property
    def name(self) -> str:
        """`1 answer-line`."""
        return f"{self.number} {self.style}"


def rows(ladder: Ladder) -> tuple[tuple[RungRow, ...], tuple[Note, ...]]:
    """One row a rung, and the notes in the order of their marks."""
    notes = _Notes()
    return tuple(_row(result, notes) for result in ladder.rungs), tuple(notes.said)


def decoding(rung: Rung) -> str:
    """`temp 0.6, 10 tokens`, `greedy, 10 tokens`, `letter`."""
    if not rung.max_tokens:
        return "letter"
    drawn = f"temp {rung.temperature:g}" if rung.temperature else "greedy"
    return f"{drawn}, {numerals.count(rung.max_tokens, 'token')}"


class _Notes:
    """Hands out the letters."""

    def __init__(self) -> None:
        self.said: list[Note] = []

    def mark(self, text: str) -> str:
        """The letter of a new note; none where there is nothing to say."""
        if not text:
            return ""
        rounds, place = divmod(len(self.said), len(ascii_lowercase))
        letter = ascii_lowercase[place] * (rounds + 1)
        self.said.append(Note(letter, text if text.endswith((".", "!", "?")) else f"{text}."))
        return letter


def _row(result: RungResult, notes: _Notes) -> RungRow:
    rung, studied, constrained, cost = result.rung, result.studied, result.constrained, result.cost
    about_run = notes.mark("; ".join(_about_run(result)))
    reason = numerals.visible(result.unavailable)
    unavailable = notes.mark(f"Rung {rung.number}, {NOT_AVAILABLE}: {reason}" if reason else "")
    empty, rest = (NOT_AVAILABLE, "") if result.unavailable else (MISSING, MISSING)
    return RungRow(
        result=result,
        number=str(rung.number),
        style=numerals.clip(numerals.visible(result.style), _LONGEST_STYLE),
        style_mark=about_run,
        decoding=decoding(rung),
        micro=numerals.percent(studied.micro.value) if studied else empty,
        micro_mark=unavailable,
        micro_interval=numerals.percent_interval(studied.micro) if studied else "",
        macro=numerals.percent(studied.macro.value) if studied else rest,
        unread=_unread(result.free) or rest,
        grammar=numerals.percent(constrained.micro.value) if constrained else empty,
        grammar_interval=numerals.percent_interval(constrained.micro) if constrained else "",
        grammar_macro=numerals.percent(constrained.macro.value) if constrained else rest,
        cost=numerals.points(cost.value) if cost else rest,
        cost_interval=numerals.points_interval(cost) if cost else "",
        published=_published(rung.published.micro if rung.published else None),
        published_mark=notes.mark(_caveat(rung.number, rung.published)),
        published_macro=_published(rung.published.macro if rung.published else None),
    )


def _about_run(result: RungResult) -> Iterator[str]:
    rung, free, constrained = result.rung, result.free, result.constrained
    found = []
    if result.style != rung.style:
        used, meant = numerals.visible(result.style), numerals.visible(rung.style)
        found.append(f"{used} in place of {meant}, which this model cannot have")
    for score, how in ((free, "as studied"), (constrained, "under the grammar")):
        if score and score.run.status is not RunStatus.DONE:
            questions = numerals.count(score.run.n_questions, "question")
            found.append(f"{score.n:,} of {questions} recorded {how}, the run is not finished")
    if free and constrained and free.n != constrained.n:
        found.append("what format cost is over the questions that are recorded both ways")
    if constrained and constrained.n_unread:
        answers = numerals.count(constrained.n_unread, "answer")
        found.append(f"{answers} under the grammar could not be read and counted as wrong")
    if found:
        yield f"Rung {rung.number}: {'; '.join(found)}"


def _unread(free: Score | None) -> str:
    return numerals.percent(free.n_unread / free.n) if free else ""


def _published(share: float | None) -> str:
    """One decimal, as the study published it: more would be made up."""
    return MISSING if share is None else f"{100 * share:.1f}"


def _caveat(number: int, figure: StudyFigure | None) -> str:
    if figure is None or not figure.caveat:
        return ""
    return f"Rung {number}, as published: {numerals.visible(figure.caveat)}"
