"""A ladder as GitHub-flavoured Markdown, for model cards, issues and pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from ggufeval.report.ladder.format import LadderFormat
from ggufeval.report.ladder.rows import rows
from ggufeval.report.ladder.sentences import PUBLISHED, alarms, finding, heading, legend
from ggufeval.report.markdown import escape, table

if TYPE_CHECKING:
    from ggufeval.report.ladder.rows import RungRow
    from ggufeval.types import Ladder

_HEADERS = (
    "rung",
    "decoding",
    "as studied",
    "macro",
    "unread",
    "grammar",
    "format cost",
    "study",
    "study, macro",
)


def render(ladder: Ladder, _stream: TextIO | None = None) -> str:
    """Heading, finding, the table, how to read it, notes and alarms."""
    found, notes = rows(ladder)
    blocks = [
        escape(heading(ladder)),
        f"**{escape(finding(ladder))}**",
        escape(PUBLISHED),
        table(_HEADERS, (_cells(row) for row in found)),
        escape(legend(ladder)),
    ]
    remarks = [f"({note.mark}) {escape(note.text)}" for note in notes]
    remarks += [f"Alarm: {escape(alarm)}" for alarm in alarms(ladder)]
    if remarks:
        blocks.append("\n".join(f"- {remark}" for remark in remarks))
    return "\n\n".join(blocks) + "\n"


def _cells(row: RungRow) -> list[str]:
    return [
        _marked(row.name, row.style_mark),
        row.decoding,
        _marked(f"{row.micro} {row.micro_interval}".rstrip(), row.micro_mark),
        row.macro,
        row.unread,
        f"{row.grammar} {row.grammar_interval}".rstrip(),
        f"{row.cost} {row.cost_interval}".rstrip(),
        _marked(row.published, row.published_mark),
        row.published_macro,
    ]


def _marked(text: str, mark: str) -> str:
    return f"{text} ({mark})" if mark else text


FORMAT = LadderFormat("md", ".md", render)
