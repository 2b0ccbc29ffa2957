"""What a chart is, and what all of them are drawn with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ggufeval.report.rows import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import altair as alt

    from ggufeval.report.rows import Row
    from ggufeval.types import Comparison, Estimate

    Drawn = alt.Chart | alt.LayerChart
    Points = list[dict[str, Any]]

TONES = {"reference": "#7b8794", "worse": "#d1603d", "better": "#2a9d78", "even": "#4f86c6"}
"""Legible on white and on near-black, and told apart by those who do not see red or green."""
NEUTRAL = "#8a9099"
ROW = 34
"""Pixels a row, where models stand below one another."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One chart of a comparison."""

    name: str
    """The stem of its files."""
    title: str
    sentence: str
    """What it shows."""
    spec: Mapping[str, Any]
    """Vega-Lite, data included: one view or layers on one, whose `width` may be set."""
    is_broad: bool = False
    """Whether it needs a line of the page for itself."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One kind of chart. `draw` gives None where a comparison has nothing for it to show."""

    order: int
    name: str
    title: str
    sentence: Callable[[Comparison], str]
    draw: Callable[[Comparison], Drawn | None]
    is_broad: bool = False


def plot(chart: Chart, comparison: Comparison) -> Plot | None:
    drawn = chart.draw(comparison)
    if drawn is None:
        return None
    spec = drawn.to_dict()
    for key in ("$schema", "config"):  # an address, and a look that is the page's business
        spec.pop(key, None)
    return Plot(
        chart.name,
        chart.title,
        chart.sentence(comparison),
        spec | {"background": "transparent"},
        chart.is_broad,
    )


def tone(comparison: Comparison, row: Row) -> str:
    """`reference`, `worse`, `better` or `even`: a difference whose interval has 0 is even."""
    if row.against is None:
        return "reference"
    if comparison.reference_at_chance or 0.0 in row.against.micro:
        return "even"
    return "worse" if row.against.micro.value < 0 else "better"


def points(
    comparison: Comparison, more: Callable[[Row], Mapping[str, Any] | None] = lambda _: {}
) -> Points:
    """One datum a model, in the tables' order; without those of which `more` knows nothing."""
    found = []
    for row in rows(comparison):
        facts = more(row)
        if facts is not None:
            found.append(
                {
                    "model": row.name,
                    "tone": tone(comparison, row),
                    "accuracy": 100 * row.score.micro.value,
                    "low": 100 * row.score.micro.low,
                    "high": 100 * row.score.micro.high,
                    "accuracy, %": row.accuracy,
                    "difference, points": row.change,
                    "size": row.size,
                    "bits per weight": row.bits,
                    **facts,
                }
            )
    return found


def data(found: Points) -> alt.InlineData:
    import altair as alt

    return alt.InlineData(values=found)


def layers(*parts: alt.SchemaBase, height: float) -> alt.LayerChart:
    import altair as alt

    return alt.LayerChart(layer=parts).properties(height=height)


def tooltips(*fields: str) -> list[alt.Tooltip]:
    """Texts as the tables have them: what is shown on hovering."""
    import altair as alt

    # A field's name is a path for Vega: dots and brackets would have to be escaped.
    return [alt.Tooltip(field=field, type="nominal", title=field) for field in fields]


def tone_colors() -> alt.Color:
    import altair as alt

    scale = alt.Scale(domain=list(TONES), range=list(TONES.values()))
    return alt.Color("tone:N", scale=scale, legend=None)


def percent_of(estimate: Estimate) -> dict[str, float]:
    return {
        "value": 100 * estimate.value,
        "low": 100 * estimate.low,
        "high": 100 * estimate.high,
    }


def number_axis() -> alt.Axis:
    """Numbers that do not touch, evenly spaced."""
    import altair as alt

    return alt.Axis(labelOverlap="parity", labelSeparation=8)


def models_axis(found: Sequence[Mapping[str, Any]]) -> alt.Y:
    """The models below one another, in the tables' order."""
    import altair as alt

    names = list(dict.fromkeys(datum["model"] for datum in found))
    axis = alt.Axis(title=None, labelLimit=220, ticks=False, domain=False, grid=False)
    return alt.Y("model:N", sort=names, axis=axis)


def level(comparison: Comparison) -> str:
    """`95%`, of the intervals."""
    return f"{100 * comparison.reference.micro.level:g}%"


def is_finite(estimate: Estimate) -> bool:
    return all(math.isfinite(x) for x in (estimate.value, estimate.low, estimate.high))
