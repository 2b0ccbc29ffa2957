"""Forest plots: paired differences with their intervals, overall and by group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ggufeval.report import numerals
from ggufeval.report.groups import LEAST
from ggufeval.report.plots.plot import (
    NEUTRAL,
    ROW,
    Chart,
    data,
    is_finite,
    layers,
    level,
    models_axis,
    number_axis,
    percent_of,
    points,
    tone_colors,
    tooltips,
)
from ggufeval.report.rows import rows

if TYPE_CHECKING:
    import altair as alt

    from ggufeval.report.plots.plot import Drawn
    from ggufeval.types import Comparison, Estimate

_SHOWN = ("model", "difference, points", "lost", "won")
_LANE = 11
"""Pixels a level, inside a group."""
_PALETTE = ("#4f86c6", "#d1603d", "#2a9d78", "#b07cc6", "#c79a2b", "#3fa7b5", "#c65f8e", "#7d8a3a")


def _overall(comparison: Comparison) -> Drawn | None:
    import altair as alt

    found = points(
        comparison,
        lambda row: (
            percent_of(row.against.micro) | {"lost": row.lost, "won": row.won}
            if row.against and is_finite(row.against.micro)
            else None
        ),
    )
    if not found:
        return None
    base = alt.Chart(data(found)).encode(y=models_axis(found), color=tone_colors())
    shown = tooltips(*_SHOWN)
    x = _difference_axis()
    return layers(
        *_lines(comparison),
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", tooltip=shown),
        base.mark_circle(size=90, opacity=1).encode(x=x, tooltip=shown),
        height=max(2, len(found)) * ROW,
    )


def _difference_axis() -> alt.X:
    import altair as alt

    return alt.X(
        "value:Q",
        title="difference, percentage points",
        scale=alt.Scale(padding=12),
        axis=number_axis(),
    )


def _lines(comparison: Comparison) -> list[alt.Chart]:
    """No difference, and the margin."""
    import altair as alt

    zero = alt.Chart(data([{"x": 0.0}])).mark_rule(color=NEUTRAL).encode(x="x:Q")
    if comparison.reference_at_chance or not comparison.margin:
        return [zero]
    text = f"{numerals.points(-comparison.margin)} points"
    margin = (
        alt.Chart(data([{"x": -100 * comparison.margin, "margin": text}]))
        .mark_rule(color=NEUTRAL, strokeDash=[4, 4])
        .encode(x="x:Q", tooltip=tooltips("margin"))
    )
    return [zero, margin]


def _grouped(comparison: Comparison) -> Drawn | None:
    import altair as alt

    names = [row.name for row in rows(comparison)][1:]
    found = [
        (percent_of(difference) if group.n >= LEAST else {"value": 100 * difference.value})
        | {
            comparison.by: numerals.visible(group.name).replace("_", " "),
            "model": name,
            "difference, points": _difference(difference, group.n),
            "questions": f"{group.n:,}",
        }
        for group in comparison.groups
        for name, difference in zip(names, group.differences, strict=True)
        if is_finite(difference)
    ]
    if not found:
        return None
    groups = list(dict.fromkeys(str(datum[comparison.by]) for datum in found))
    color = alt.Color(
        "model:N",
        sort=names,
        title=None,
        scale=alt.Scale(
            domain=names, range=[_PALETTE[i % len(_PALETTE)] for i in range(len(names))]
        ),
        legend=alt.Legend(orient="top", columns=2, labelLimit=130) if len(names) > 1 else None,
    )
    axis = alt.Axis(title=None, labelLimit=170, ticks=False, domain=False, grid=True)
    base = alt.Chart(data(found)).encode(
        y=alt.Y(f"{comparison.by}:N", sort=groups, axis=axis),
        yOffset=alt.YOffset("model:N", sort=names),
        color=color,
        tooltip=tooltips(comparison.by, "questions", "model", "difference, points"),
    )
    zero = alt.Chart(data([{"x": 0.0}])).mark_rule(color=NEUTRAL).encode(x="x:Q")
    whiskers = base.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q"), x2="high:Q")
    return layers(
        zero,
        *([whiskers] if any("low" in datum for datum in found) else []),
        base.mark_circle(size=45, opacity=1).encode(x=_difference_axis()),
        height=len(groups) * (10 + _LANE * len(names)),
    )


def _difference(estimate: Estimate, n: int) -> str:
    value = numerals.points(estimate.value)
    return f"{value} {numerals.points_interval(estimate)}" if n >= LEAST else value


def _said(comparison: Comparison) -> str:
    reference = rows(comparison)[0].name
    text = (
        f"Each level minus {reference}, on the same questions, with paired {level(comparison)} "
        "intervals"
    )
    if comparison.reference_at_chance or not math.isfinite(comparison.margin):
        return f"{text}."
    return f"{text}; dashed: the margin."


def _said_of_groups(comparison: Comparison) -> str:
    reference = rows(comparison)[0].name
    is_small = any(group.n < LEAST for group in comparison.groups)
    least = f" from {LEAST} questions on" if is_small else ""
    return (
        f"Each level minus {reference} inside each {comparison.by}, with paired "
        f"{level(comparison)} intervals{least}: of so many some lie off by chance alone."
    )


CHARTS = (
    Chart(5, "differences", "Difference to the reference", _said, _overall, is_broad=True),
    Chart(
        20,
        "differences-by-group",
        "Differences by group",
        _said_of_groups,
        _grouped,
        is_broad=True,
    ),
)
