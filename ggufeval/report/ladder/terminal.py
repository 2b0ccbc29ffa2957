"""A ladder as a table and a chart for a terminal of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from ggufeval.report.ladder.bars import bars
from ggufeval.report.ladder.format import LadderFormat
from ggufeval.report.ladder.rows import RungRow, rows
from ggufeval.report.ladder.sentences import PUBLISHED, alarms, finding, heading, legend
from ggufeval.report.numerals import MISSING
from ggufeval.report.page import DEFAULT_WIDTH, Column, Page, terminal_of

if TYPE_CHECKING:
    from rich.text import Text

    from ggufeval.types import Ladder


class _Cell(Column[RungRow]):
    """By a name of its own: `Column[RungRow](...)` fails, frozen and slotted, in Python 3.11."""

    __slots__ = ()


def _marked(text: str, mark: str) -> str:
    return f"{text} {mark}".rstrip()


def _lines(*parts: str) -> str:
    return "\n".join(parts).rstrip("\n")


_WIDE = (
    _Cell("rung", lambda row: _marked(row.name, row.style_mark), right=False),
    _Cell("decoding", lambda row: row.decoding, right=False),
    _Cell(
        "as studied",
        lambda row: _marked(f"{row.micro} {row.micro_interval}".rstrip(), row.micro_mark),
        right=False,
    ),
    _Cell("macro", lambda row: row.macro),
    _Cell("unread", lambda row: row.unread),
    _Cell("grammar", lambda row: f"{row.grammar} {row.grammar_interval}".rstrip(), right=False),
    _Cell("format cost", lambda row: f"{row.cost} {row.cost_interval}".rstrip(), right=False),
    _Cell("study", lambda row: _marked(row.published, row.published_mark), right=False),
    _Cell("macro", lambda row: row.published_macro),
)
_RUNG = _Cell(
    "rung",
    lambda row: _lines(_marked(row.name, row.style_mark), f"  {row.decoding}"),
    right=False,
)
_STUDIED = _Cell(
    "as studied",
    lambda row: _lines(_marked(row.micro, row.micro_mark), row.micro_interval),
    right=False,
)
_SECOND = _Cell("macro\nunread", lambda row: _lines(row.macro, row.unread))
_COST = _Cell("format cost", lambda row: _lines(row.cost, row.cost_interval), right=False)
_STUDY = _Cell(
    "study\nmacro",
    lambda row: _lines(
        _marked(row.published, row.published_mark),
        "" if row.published_macro == MISSING else row.published_macro,
    ),
    right=False,
)
_STACKED = (
    _RUNG,
    _STUDIED,
    _SECOND,
    _Cell("grammar", lambda row: _lines(row.grammar, row.grammar_interval), right=False),
    _COST,
    _STUDY,
)
_GRAMMAR = _Cell("grammar\nmacro", lambda row: _lines(row.grammar, row.grammar_macro))
_AT_80 = (_RUNG, _STUDIED, _SECOND, _GRAMMAR, _COST, _STUDY)
_NARROW = (
    _Cell(
        "rung",
        lambda row: _lines(
            _marked(row.name, row.style_mark), f"  {row.decoding.replace(', ', f',{chr(10)}  ')}"
        ),
        right=False,
    ),
    _Cell(
        "as studied\ninterval\nmacro",
        lambda row: _lines(_marked(row.micro, row.micro_mark), row.micro_interval, row.macro),
        right=False,
    ),
    _Cell("unread", lambda row: row.unread),
    _GRAMMAR,
    _Cell(
        "format\ncost",
        lambda row: _lines(row.cost, row.cost_interval.replace(", ", ",\n")),
        right=False,
    ),
    _STUDY,
)


def draw(ladder: Ladder, width: int = DEFAULT_WIDTH, *, color: bool = False) -> str:
    """The report at this width, with escape codes only where `color` is set."""
    page = Page(width, color=color)
    found, notes = rows(ladder)
    page.say(heading(ladder), style="bold")
    page.say()
    page.say(finding(ladder))
    page.say(PUBLISHED, style="dim")
    page.say()
    page.show(found, (_WIDE, _STACKED, _AT_80, _NARROW), _painted)
    if chart := bars(ladder, width):
        page.say()
        for line in chart:
            page.say(line)
    page.say()
    page.say(legend(ladder), style="dim")
    for note in notes:
        page.say(f"({note.mark}) {note.text}")
    for alarm in alarms(ladder):
        page.say(f"Alarm: {alarm}", style="yellow")
    return page.text()


def render(ladder: Ladder, stream: TextIO | None = None) -> str:
    """As `draw`, with width and colours that suit the stream."""
    width, color = terminal_of(stream)
    return draw(ladder, width, color=color)


def _painted(column: Column[RungRow], row: RungRow) -> Text:
    from rich.text import Text

    text = Text(column.cell(row))
    if column.header.startswith("rung"):
        text.highlight_regex(r"\n[\s\S]*", "dim")
    else:
        text.highlight_regex(r"\[[^\]]*\]", "dim")
    return text


FORMAT = LadderFormat("table", ".txt", render)
