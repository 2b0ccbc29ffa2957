"""A ladder's chart as numbers: where the template draws what. See `report.scale`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ggufeval.report.ladder.rows import rows
from ggufeval.report.numerals import MISSING
from ggufeval.report.scale import Scale, Tick, ends

if TYPE_CHECKING:
    from ggufeval.report.ladder.rows import RungRow
    from ggufeval.types import Estimate, Ladder, Score

_ROW_HEIGHT = 64
_FIRST_ROW = 38


@dataclass(frozen=True, slots=True)
class Dot:
    """An accuracy with its interval."""

    x: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One rung: as studied above, under the grammar below."""

    name: str
    text: str
    y: int
    free: Dot | None
    constrained: Dot | None
    published: float | None


@dataclass(frozen=True, slots=True)
class LadderChart:
    """All that is drawn: vertical places in pixels, horizontal ones in per cent."""

    height: int
    bottom: int
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    line: Tick
    """Chance."""


def ladder_chart(ladder: Ladder) -> LadderChart:
    """Two dots a rung with their intervals, the published figure, and the line of chance."""
    found, _ = rows(ladder)
    scores = [s for item in ladder.rungs for s in (item.free, item.constrained) if s]
    published = [item.rung.published.micro for item in ladder.rungs if item.rung.published]
    scale = Scale([*ends([score.micro for score in scores]), *published, ladder.chance])
    lanes = tuple(_lane(row, scale, number) for number, row in enumerate(found))
    bottom = len(lanes) * _ROW_HEIGHT
    line = Tick(scale.place(ladder.chance), f"chance {100 * ladder.chance:.4g}%")
    return LadderChart(bottom + 40, bottom, lanes, scale.ticks("{:g}%", zero="0%"), line)


def _lane(row: RungRow, scale: Scale, number: int) -> Lane:
    result = row.result
    published = result.rung.published
    return Lane(
        name=row.name,
        text=_text(row),
        y=_FIRST_ROW + number * _ROW_HEIGHT,
        free=_dot(result.free, scale),
        constrained=_dot(result.constrained, scale),
        published=scale.place(published.micro) if published else None,
    )


def _text(row: RungRow) -> str:
    """Beside the name: both accuracies, or the one there is."""
    if row.result.free and row.result.constrained:
        return f"{row.micro} \N{RIGHTWARDS ARROW} {row.grammar}"
    return row.micro if row.micro != MISSING else row.grammar


def _dot(score: Score | None, scale: Scale) -> Dot | None:
    if score is None:
        return None
    micro: Estimate = score.micro
    return Dot(scale.place(micro.value), scale.place(micro.low), scale.place(micro.high))
