"""The comparison as tables for a terminal of 80 columns; narrower ones stack the cells."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from io import StringIO
from itertools import product
from typing import TYPE_CHECKING, TextIO

from ggufeval.report.format import Format
from ggufeval.report.rows import Row, has_letter_mass, n_positions, rows
from ggufeval.report.sentences import alarms, at_chance, heading, legend, notes, positions_legend
from ggufeval.types import LETTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.table import Table
    from rich.text import Text

    from ggufeval.types import Comparison, Estimate, RunResult

_DEFAULT_WIDTH = 80
_WIDEST_TEXT = 100
_FULL_NAME = 20
"""A name of this length is never folded only to put more columns side by side."""
_SHORTEST_NAME = 8


@dataclass(frozen=True, slots=True)
class _Column:
    header: str
    cell: Callable[[Row], str]
    right: bool = True
    of_candidates: bool = False
    """Empty for the reference, and so left out where it is alone."""


_MODEL = _Column("model", lambda row: row.name, right=False)

_MASS = _Column("letter\nmass", lambda row: row.letter_mass)

_COST = (
    _MODEL,
    _Column("size", lambda row: row.size),
    _Column("bpw", lambda row: row.bits),
    _Column("accuracy", lambda row: row.accuracy, right=False),
    _Column("difference", lambda row: row.change, right=False, of_candidates=True),
    _Column("lost/won", lambda row: row.flips, of_candidates=True),
    _Column("p", lambda row: row.p, of_candidates=True),
)
_COST_STACKED = (
    _MODEL,
    _Column("size\nbpw", lambda row: f"{row.size}\n{row.bits}"),
    _Column("accuracy", lambda row: f"{row.micro}\n{row.micro_interval}", right=False),
    _Column(
        "difference",
        lambda row: f"{row.difference}\n{row.difference_interval}",
        right=False,
        of_candidates=True,
    ),
    _Column("lost/won\np", lambda row: f"{row.flips}\n{row.p}", of_candidates=True),
)
_RAN = (
    _MODEL,
    _Column("macro accuracy", lambda row: row.macro_accuracy, right=False),
    _MASS,
    _Column("questions/s", lambda row: row.questions_per_second),
    _Column("tokens/s", lambda row: row.tokens_per_second),
    _Column("time", lambda row: row.time),
    _Column("memory", lambda row: row.memory),
)
_RAN_STACKED = (
    _MODEL,
    _Column("macro\naccuracy", lambda row: f"{row.macro}\n{row.macro_interval}", right=False),
    _MASS,
    _Column(
        "questions/s\ntokens/s",
        lambda row: f"{row.questions_per_second}\n{row.tokens_per_second}",
    ),
    _Column("time\nmemory", lambda row: f"{row.time}\n{row.memory}"),
)


def draw(comparison: Comparison, width: int = _DEFAULT_WIDTH, *, color: bool = False) -> str:
    """The tables at this width, with escape codes only where `color` is set.

    Where even stacked cells do not fit, the table is wider: a cropped number would be a wrong one.
    """
    page = _Page(width, color=color)
    page.say(heading(comparison), style="bold")
    if guessing := at_chance(comparison):
        page.say()
        page.say(guessing, style="bold yellow")
    found = rows(comparison)
    toned = not comparison.reference_at_chance
    for layouts in ((_COST, _COST_STACKED), (_RAN, _RAN_STACKED)):
        page.say()
        page.show(found, layouts, toned=toned)
    if n := n_positions(found):
        page.say()
        page.say("Position of the right choice", style="bold")
        page.show(found, (_positions(n, 1), _positions(n, 2)), toned=toned)
    page.say()
    page.say(legend(comparison), style="dim")
    if how := positions_legend(comparison):
        page.say(how, style="dim")
    for note in notes(comparison):
        page.say(note)
    for alarm in alarms(comparison):
        page.say(f"Alarm: {alarm}", style="yellow")
    return page.text()


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
    if stream is None:
        return draw(comparison)
    width = shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns
    color = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return draw(comparison, width, color=color)


class _Page:
    """Paragraphs and tables, drawn by rich into a string."""

    def __init__(self, width: int, *, color: bool) -> None:
        from rich.console import Console

        self._width = width
        self._file = StringIO()
        # Wider than anything: each print says its own width. Nothing is left to rich's look at
        # the environment, which would make the text depend on it.
        self._console = Console(
            file=self._file,
            width=100_000,
            color_system="standard" if color else None,
            no_color=not color,
            force_terminal=color,
            force_jupyter=False,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def say(self, text: str = "", style: str = "") -> None:
        width = min(self._width, _WIDEST_TEXT)
        self._console.print(text, style=style, width=width, overflow="fold")

    def show(
        self, found: Sequence[Row], layouts: Iterable[Sequence[_Column]], *, toned: bool
    ) -> None:
        """The most spacious layout that fits; the last one only folds the names."""
        longest = max(len(row.name) for row in found)
        for layout, gap in product(layouts, (2, 1)):
            columns = [
                c
                for c in layout
                if (len(found) > 1 or not c.of_candidates)
                and (c is not _MASS or has_letter_mass(found))
            ]
            table = self._table(columns, gap, found, toned=toned)
            needed = self._console.measure(table).maximum - max(0, longest - _FULL_NAME)
            if needed <= self._width:
                break
        least = self._console.measure(table).maximum - max(0, longest - _SHORTEST_NAME)
        self._console.print(table, width=max(self._width, least))

    def _table(
        self, columns: Sequence[_Column], gap: int, found: Sequence[Row], *, toned: bool
    ) -> Table:
        from rich.box import Box
        from rich.table import Table

        rule = Box("    \n" * 2 + " ── \n" + "    \n" * 5)
        table = Table(box=rule, show_edge=False, padding=(0, gap - 1, 0, 0), header_style="bold")
        for column in columns:
            table.add_column(
                column.header,
                justify="right" if column.right else "left",
                overflow="fold",
                no_wrap=column is not _MODEL,
            )
        for row in found:
            table.add_row(*(_cell(column, row, toned=toned) for column in columns))
        return table

    def text(self) -> str:
        """Without the blanks that rich fills lines with, which copying would carry along."""
        return "".join(f"{line.rstrip()}\n" for line in self._file.getvalue().split("\n")[:-1])


def _cell(column: _Column, row: Row, *, toned: bool) -> Text:
    from rich.text import Text

    text = Text(column.cell(row))
    if column is not _MODEL:
        text.highlight_regex(r"\[.*\]|\(exact\)|^reference$", "dim")
    if column.header == "difference" and row.against and toned:
        text.highlight_regex(r"^\S+", _tone(row.against.micro))
    return text


def _tone(difference: Estimate) -> str:
    return "red" if difference.high < 0 else "green" if difference.low > 0 else ""


FORMAT = Format("table", ".txt", render)
