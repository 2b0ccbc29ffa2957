"""A ladder as one self-contained web page: no network, no script, light or dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from ggufeval.report import numerals
from ggufeval.report.html import conditions, template
from ggufeval.report.ladder.chart import ladder_chart
from ggufeval.report.ladder.format import LadderFormat
from ggufeval.report.ladder.rows import rows
from ggufeval.report.ladder.sentences import PUBLISHED, alarms, asked, finding, legend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ggufeval.types import Ladder, Run

_TEMPLATE = "ladder/template.html.j2"
_SHARED = ("engine.", "build.")
"""Settings that all rungs have in common."""


def render(ladder: Ladder, _stream: TextIO | None = None) -> str:
    """Finding, chart, table, and how it was measured."""
    found, notes = rows(ladder)
    runs = tuple(_runs(ladder))
    page = template(_TEMPLATE).render(
        alarms=alarms(ladder),
        asked=asked(ladder),
        chart=ladder_chart(ladder),
        finding=finding(ladder),
        fingerprint=tuple(_shared_settings(runs[0][1])) if runs else (),
        legend=legend(ladder),
        model=numerals.visible(ladder.model.label),
        model_info=ladder.model,
        notes=notes,
        published=PUBLISHED,
        rows=found,
        runs=runs,
    )
    return page.rstrip() + "\n"


def _runs(ladder: Ladder) -> Iterator[tuple[str, Run]]:
    for item in ladder.rungs:
        for score, how in ((item.free, "as studied"), (item.constrained, "under the grammar")):
            if score:
                yield f"rung {item.rung.number}, {how}", score.run


def _shared_settings(run: Run) -> Iterator[tuple[str, str]]:
    return ((n, value) for n, value in conditions(run.fingerprint) if n.startswith(_SHARED))


FORMAT = LadderFormat("html", ".html", render)
