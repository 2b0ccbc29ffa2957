"""Paragraphs and tables for a terminal, drawn by rich into a string."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from io import StringIO
from itertools import product
from typing import TYPE_CHECKING, Generic, TextIO, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.table import Table
    from rich.text import Text

DEFAULT_WIDTH = 80
_WIDEST_TEXT = 100
_FULL_NAME = 20
"""A name of this length is never folded only to put more columns side by side."""
_SHORTEST_NAME = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    header: str
    cell: Callable[[T], str]
    right: bool = True
    folds: bool = False
    """A name, which may be broken into lines where it must; one column of a table."""


def terminal_of(stream: TextIO | None) -> tuple[int, bool]:
    """The width that suits the stream, and whether it takes colours."""
    if stream is None:
        return DEFAULT_WIDTH, False
    width = shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns
    color = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return width, color


class Page:
    """Where even stacked cells do not fit, a table is wider than the page: a cropped number would
    be a wrong one."""

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

    def say(self, text: str | Text = "", style: str = "") -> None:
        width = min(self._width, _WIDEST_TEXT)
        self._console.print(text, style=style, width=width, overflow="fold")

    def show(
        self,
        found: Sequence[T],
        layouts: Iterable[Sequence[Column[T]]],
        paint: Callable[[Column[T], T], Text],
    ) -> None:
        """The most spacious layout that fits; the last one only folds the names."""
        for columns, gap in product(layouts, (2, 1)):
            names = [column.cell(row) for column in columns if column.folds for row in found]
            longest = max(map(len, names), default=0)
            table = _table(columns, gap, found, paint)
            needed = self._console.measure(table).maximum - max(0, longest - _FULL_NAME)
            if needed <= self._width:
                break
        least = self._console.measure(table).maximum - max(0, longest - _SHORTEST_NAME)
        self._console.print(table, width=max(self._width, least))

    def text(self) -> str:
        """Without the blanks that rich fills lines with, which copying would carry along."""
        return "".join(f"{line.rstrip()}\n" for line in self._file.getvalue().split("\n")[:-1])


def _table(
    columns: Sequence[Column[T]],
    gap: int,
    found: Sequence[T],
    paint: Callable[[Column[T], T], Text],
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
            no_wrap=not column.folds,
        )
    for row in found:
        table.add_row(*(paint(column, row) for column in columns))
    return table
