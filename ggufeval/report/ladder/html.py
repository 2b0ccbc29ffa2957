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
    from collections.abc import Iterator, Sequence

    from ggufeval.types import Ladder, Run

_TEMPLATE = "ladder/template.html.j2"


def render(ladder: Ladder, _stream: TextIO | None = None) -> str:
    """Finding, chart, table, and how it was measured."""
    found, notes = rows(ladder)
    runs = tuple(_runs(ladder))
    page = template(_TEMPLATE).render(
        alarms=alarms(ladder),
        asked=asked(ladder),
        chart=ladder_chart(ladder),
        finding=finding(ladder),
        fingerprint=_shared_settings([run for _, run in runs]),
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


def _shared_settings(runs: Sequence[Run]) -> list[tuple[str, str]]:
    found = [list(conditions(run.fingerprint)) for run in runs]
    return [item for item in found[0] if all(item in others for others in found)] if found else []


FORMAT = LadderFormat("html", ".html", render)
