"""The comparison as tables for a terminal of 80 columns; narrower ones stack the cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, TextIO

from ggufeval.report import numerals
from ggufeval.report.decompositions import (
    LAYOUTS,
    TITLE,
    decomposition_legend,
    decomposition_rows,
)
from ggufeval.report.format import Format
from ggufeval.report.groups import GroupRow, group_legend, group_rows
from ggufeval.report.notes import notes
from ggufeval.report.page import DEFAULT_WIDTH, Column, Page, terminal_of
from ggufeval.report.rows import Row, has_divergence, has_letter_mass, n_positions, rows
from ggufeval.report.sentences import (
    alarms,
    at_chance,
    divergence_legend,
    heading,
    legend,
    positions_legend,
)
from ggufeval.report.verdicts import basis, verdicts
from ggufeval.report.views import view_tables
from ggufeval.report.vocabulary import LAYOUTS as VOCABULARY_LAYOUTS
from ggufeval.report.vocabulary import vocabulary_cells, vocabulary_legend, vocabulary_title
from ggufeval.types import LETTERS, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.text import Text

    from ggufeval.types import Comparison, Estimate, RunResult


_GROUP_NAME, _GROUP_COUNTS, _GROUP_DIFFERENCE = 20, 14, 17
"""Columns: of a group's name, of n and the reference, of a difference above its interval."""

_TONES = {Verdict.WITHIN: "green", Verdict.WORSE: "red", Verdict.UNDECIDED: "bold"}


def _always(_comparison: Comparison) -> bool:
    return True


def _with_candidates(comparison: Comparison) -> bool:
    """The reference's own cells are empty, and so is the column where it is alone."""
    return bool(comparison.candidates)


def _with_stopping(comparison: Comparison) -> bool:
    return bool(comparison.stopping)


def _of_whole_runs(comparison: Comparison) -> bool:
    return not comparison.stopping


def _with_p(comparison: Comparison) -> bool:
    return _with_candidates(comparison) and _of_whole_runs(comparison)


def _with_letters(comparison: Comparison) -> bool:
    return has_letter_mass(rows(comparison))


def _with_divergence(comparison: Comparison) -> bool:
    return has_divergence(rows(comparison))


@dataclass(frozen=True, slots=True)
class _Column(Column[Row]):
    when: Callable[[Comparison], bool] = _always
    """Left out of the tables of all other comparisons, where it would be empty."""


_MODEL = _Column("model", lambda row: row.name, right=False, folds=True)

_MASS = _Column("letter\nmass", lambda row: row.letter_mass, when=_with_letters)

_COST = (
    _MODEL,
    _Column("size", lambda row: row.size),
    _Column("bpw", lambda row: row.bits),
    _Column("accuracy", lambda row: row.accuracy, right=False),
    _Column("difference", lambda row: row.change, right=False, when=_with_candidates),
    _Column("lost/won", lambda row: row.flips, when=_with_candidates),
    _Column("p", lambda row: row.p, when=_with_p),
    _Column("asked", lambda row: row.asked, when=_with_stopping),
)
_COST_STACKED = (
    _MODEL,
    _Column("size\nbpw", lambda row: f"{row.size}\n{row.bits}"),
    _Column("accuracy", lambda row: f"{row.micro}\n{row.micro_interval}", right=False),
    _Column(
        "difference",
        lambda row: f"{row.difference}\n{row.difference_interval}",
        right=False,
        when=_with_candidates,
    ),
    _Column("lost/won\np", lambda row: f"{row.flips}\n{row.p}", when=_with_p),
    _Column("lost/won\nasked", lambda row: f"{row.flips}\n{row.asked}", when=_with_stopping),
)
_KLD = _Column("KLD", lambda row: row.kld, when=_with_divergence)
_SAME = _Column("same\nanswer", lambda row: row.same_answer, when=_with_divergence)
_TOKENS = _Column("tokens/s", lambda row: row.tokens_per_second)
_RAN = (
    _MODEL,
    _Column("macro accuracy", lambda row: row.macro_accuracy, right=False, when=_of_whole_runs),
    _MASS,
    _KLD,
    _SAME,
    _Column("questions/s", lambda row: row.questions_per_second),
    _TOKENS,
    _Column("time", lambda row: row.time),
    _Column("memory", lambda row: row.memory),
)
# All levels have the same tokens to a question, so that one of the two speeds tells the other.
_RAN_SHORT = tuple(column for column in _RAN if column is not _TOKENS)
_RAN_STACKED = (
    _MODEL,
    _Column(
        "macro\naccuracy",
        lambda row: f"{row.macro}\n{row.macro_interval}",
        right=False,
        when=_of_whole_runs,
    ),
    _MASS,
    _Column("KLD\nsame", lambda row: f"{row.kld}\n{row.same_answer}", when=_with_divergence),
    _Column(
        "questions/s\ntokens/s",
        lambda row: f"{row.questions_per_second}\n{row.tokens_per_second}",
    ),
    _Column("time\nmemory", lambda row: f"{row.time}\n{row.memory}"),
)


def draw(comparison: Comparison, width: int = DEFAULT_WIDTH, *, color: bool = False) -> str:
    """The tables at this width, with escape codes only where `color` is set.

    Where even stacked cells do not fit, the table is wider: a cropped number would be a wrong one.
    """
    page = Page(width, color=color)
    page.say(heading(comparison), style="bold")
    if guessing := at_chance(comparison):
        page.say()
        page.say(guessing, style="bold yellow")
    found = rows(comparison)
    _judge(page, comparison)
    painted = partial(_cell, toned=not comparison.reference_at_chance)
    for layouts in (
        (_COST, _COST_STACKED),
        (_RAN, _RAN_SHORT, _RAN_STACKED) if _with_divergence(comparison) else (_RAN, _RAN_STACKED),
    ):
        page.say()
        shown = [[column for column in layout if column.when(comparison)] for layout in layouts]
        page.show(found, shown, painted)
    if comparison.groups:
        _groups(page, width, comparison)
    if comparison.decompositions:
        _decompositions(page, comparison)
    _views(page, comparison)
    _vocabulary(page, comparison)
    if n := n_positions(found):
        page.say()
        page.say("Position of the right choice", style="bold")
        page.show(found, (_positions(n, 1), _positions(n, 2)), painted)
    page.say()
    for how in (
        basis(comparison),
        legend(comparison),
        divergence_legend(comparison, whole=False),
        group_legend(comparison),
        decomposition_legend(comparison),
        vocabulary_legend(comparison),
        positions_legend(comparison),
    ):
        if how:
            page.say(how, style="dim")
    for note in notes(comparison):
        page.say(note)
    for alarm in alarms(comparison):
        page.say(f"Alarm: {alarm}", style="yellow")
    return page.text()


def _judge(page: Page, comparison: Comparison) -> None:
    """The verdicts, or why there is none."""
    said = verdicts(comparison)
    if not said:
        return
    page.say()
    kinds = [item.judgement.verdict for item in comparison.candidates if item.judgement]
    for sentence, kind in zip_longest(said, kinds):
        page.say(sentence, style=_TONES.get(kind, "yellow"))


def _groups(page: Page, width: int, comparison: Comparison) -> None:
    """As many candidates side by side as there is room for, the others below."""
    from rich.text import Text

    reference, *candidates = (row.name for row in rows(comparison))
    found = group_rows(comparison)
    left = min(max(len(row.name) for row in found), _GROUP_NAME) + _GROUP_COUNTS
    abreast = max(1, (width - left) // _GROUP_DIFFERENCE)
    leading: tuple[Column[GroupRow], ...] = (
        Column(comparison.by, lambda row: row.name, right=False, folds=True),
        Column("n", lambda row: row.n),
        Column(reference, lambda row: row.accuracies[0]),
    )
    for first in range(0, max(len(candidates), 1), abreast):
        some = list(enumerate(candidates, 1))[first : first + abreast]
        page.say()
        page.show(
            found,
            (
                (*leading, *(_change(name, i, " ") for i, name in some)),
                (*leading, *(_change(name, i, "\n") for i, name in some)),
            ),
            lambda column, row: Text(column.cell(row)),
        )


def _change(name: str, i: int, between: str) -> Column[GroupRow]:
    return Column(
        numerals.clip(name, _GROUP_DIFFERENCE),
        lambda row: f"{row.differences[i]}{between}{row.intervals[i]}".rstrip(),
        right=False,
    )


def _decompositions(page: Page, comparison: Comparison) -> None:
    from rich.text import Text

    page.say()
    page.say(TITLE, style="bold")
    found = decomposition_rows(comparison)
    page.show(found, LAYOUTS, lambda column, row: Text(column.cell(row)))


def _views(page: Page, comparison: Comparison) -> None:
    from rich.text import Text

    for table in view_tables(comparison):
        page.say()
        page.say(table.title, style="bold")
        page.show(table.rows, table.layouts, lambda column, row: Text(column.cell(row)))
        page.say(table.legend, style="dim")


def _vocabulary(page: Page, comparison: Comparison) -> None:
    from rich.text import Text

    if title := vocabulary_title(comparison):
        page.say()
        page.say(title, style="bold")
        found = vocabulary_cells(comparison)
        page.show(found, VOCABULARY_LAYOUTS, lambda column, cells: Text(column.cell(cells)))


def _positions(n: int, n_lines: int) -> tuple[_Column, ...]:
    """A column for each position of the right choice, or for as many as there are lines."""
    step = -(-n // n_lines)

    def column(first: int) -> _Column:
        own = range(first, n, step)
        return _Column(
            "\n".join(LETTERS[i] for i in own),
            lambda row: "\n".join(row.positions[i] for i in own),
        )

    return (
        _MODEL,
        *(column(first) for first in range(step)),
        _Column("mean", lambda row: row.micro),
        _Column("same", lambda row: row.same),
    )


def render(
    comparison: Comparison,
    _results: Sequence[RunResult] = (),
    stream: TextIO | None = None,
) -> str:
    """As `draw`, with width and colours that suit the stream."""
    width, color = terminal_of(stream)
    return draw(comparison, width, color=color)


def _cell(column: Column[Row], row: Row, *, toned: bool) -> Text:
    from rich.text import Text

    text = Text(column.cell(row))
    if not column.folds:
        text.highlight_regex(r"\[.*\]|\(exact\)|^reference$", "dim")
    if column.header == "difference" and row.against and toned:
        text.highlight_regex(r"^\S+", _tone(row.against.micro))
    return text


def _tone(difference: Estimate) -> str:
    return "red" if difference.high < 0 else "green" if difference.low > 0 else ""


FORMAT = Format("table", ".txt", render)
