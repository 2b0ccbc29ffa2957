"""Accuracy against what it costs: bits per weight, size of the file, time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ggufeval.report import numerals
from ggufeval.report.plots.names import PLACES, place_names, short
from ggufeval.report.plots.plot import (
    NEUTRAL,
    Chart,
    data,
    is_finite,
    layers,
    level,
    number_axis,
    points,
    tone_colors,
    tooltips,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import altair as alt

    from ggufeval.report.plots.plot import Drawn, Points
    from ggufeval.report.rows import Row
    from ggufeval.types import Comparison

_HEIGHT = 300
_SHOWN = ("model", "accuracy, %", "difference, points", "size", "bits per weight", "questions/s")
_CHANCE_IN_VIEW = 10.0
"""Points below the lowest interval at which the line of chance is still worth the room."""


def _against(comparison: Comparison, title: str, place: Callable[[Row], float]) -> Drawn | None:
    def facts(row: Row) -> dict[str, Any] | None:
        x = place(row)
        known = math.isfinite(x) and x > 0 and is_finite(row.score.micro)
        return {"x": x, "questions/s": row.questions_per_second} if known else None

    found = points(comparison, facts)
    if len(found) < 2:
        return None
    return _draw(comparison, found, title)


def _draw(comparison: Comparison, found: Points, title: str) -> alt.LayerChart:
    import altair as alt

    for datum in found:
        datum["short"] = short(datum["model"])
    reach = _reach(found)
    for name, datum in zip(place_names(found, reach), found, strict=True):
        datum["name"] = name
    x = alt.X("x:Q", title=title, scale=alt.Scale(domain=reach, nice=False), axis=number_axis())
    y = alt.Y("accuracy:Q", title="accuracy, %", scale=alt.Scale(zero=False, padding=8))
    base = alt.Chart(data(found)).encode(x=x, color=tone_colors())
    shown = tooltips(*_SHOWN)
    whiskers = base.mark_rule(strokeWidth=2).encode(
        y=alt.Y("low:Q", title="accuracy, %"), y2="high:Q", tooltip=shown
    )
    dots = base.mark_circle(size=90, opacity=1).encode(y=y, tooltip=shown)
    names = [
        base.transform_filter(alt.FieldEqualPredicate(field="name", equal=name))
        .mark_text(fontSize=12, **place.mark)
        .encode(y=alt.Y(f"{place.field}:Q"), text="short:N")
        for name, place in PLACES.items()
        if any(datum["name"] == name for datum in found)
    ]
    return layers(*_bands(comparison), whiskers, dots, *names, height=_HEIGHT)


def _reach(found: Points) -> list[float]:
    """Of the axis: a little more than the dots need, for their names."""
    low, high = min(d["x"] for d in found), max(d["x"] for d in found)
    span = high - low or high
    return [low - 0.1 * span, high + 0.1 * span]


def _bands(comparison: Comparison) -> list[alt.Chart]:
    """The reference's interval across the chart, and the line of chance where it is near."""
    import altair as alt

    micro = comparison.reference.micro
    found = []
    if is_finite(micro) and micro.high > micro.low:
        band = [{"low": 100 * micro.low, "high": 100 * micro.high}]
        found.append(
            alt.Chart(data(band))
            .mark_rect(color=NEUTRAL, opacity=0.18)
            .encode(y="low:Q", y2="high:Q")
        )
    lows = [comparison.reference.micro.low, *(c.score.micro.low for c in comparison.candidates)]
    chance = 100 * comparison.chance
    if 100 * min(low for low in lows if math.isfinite(low)) - chance < _CHANCE_IN_VIEW:
        line = [{"y": chance, "chance": f"{numerals.percent(comparison.chance)}%"}]
        found.append(
            alt.Chart(data(line))
            .mark_rule(color=NEUTRAL, strokeDash=[4, 4])
            .encode(y="y:Q", tooltip=tooltips("chance"))
        )
    return found


def _kept(row: Row, x: float) -> float:
    """NaN for weights that were written out: nobody keeps such a file, and it is many times larger
    than all others."""
    return math.nan if row.score.run.model.dequantized_from else x


def _bits(comparison: Comparison) -> Drawn | None:
    return _against(
        comparison,
        "bits per weight, measured",
        lambda row: _kept(row, row.score.run.model.bits_per_weight),
    )


def _size(comparison: Comparison) -> Drawn | None:
    return _against(
        comparison,
        "size of the file, GB",
        lambda row: _kept(row, row.score.run.model.size_bytes / 1e9),
    )


def _speed(comparison: Comparison) -> Drawn | None:
    import altair as alt

    drawn = _against(comparison, "questions/s", lambda row: row.score.questions_per_second)
    if not isinstance(drawn, alt.LayerChart):
        return None
    front = _front(
        [
            (score.questions_per_second, 100 * score.micro.value)
            for score in (comparison.reference, *(c.score for c in comparison.candidates))
            if math.isfinite(score.questions_per_second) and is_finite(score.micro)
        ]
    )
    line = (
        alt.Chart(data([{"x": x, "accuracy": y} for x, y in front]))
        .mark_line(color=NEUTRAL, strokeDash=[2, 3], interpolate="step-before")
        .encode(x="x:Q", y="accuracy:Q")
    )
    return layers(line, *drawn.layer, height=_HEIGHT)


def _front(found: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """What no other beats in both, the slowest first."""
    return sorted(
        (x, y)
        for x, y in found
        if not any(a >= x and b >= y and (a, b) != (x, y) for a, b in found)
    )


def _said(what: str) -> Callable[[Comparison], str]:
    def sentence(comparison: Comparison) -> str:
        text = f"Accuracy against {what}, with {level(comparison)} intervals"
        return text + "; shaded: the reference's." if comparison.candidates else text + "."

    return sentence


CHARTS = (
    Chart(10, "accuracy-bits", "Accuracy and bits per weight", _said("bits per weight"), _bits),
    Chart(11, "accuracy-size", "Accuracy and size", _said("the size of the file"), _size),
    Chart(
        12,
        "accuracy-speed",
        "Accuracy and speed",
        lambda comparison: (
            f"{_said('questions a second on this machine')(comparison)[:-1]}; the dashed line "
            "joins the models that no other beats in both."
        ),
        _speed,
        is_broad=True,
    ),
)
