"""What the models answered: flips both ways, letters, the mass on them, how far they moved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ggufeval.report import numerals
from ggufeval.report.plots.plot import (
    NEUTRAL,
    ROW,
    TONES,
    Chart,
    data,
    layers,
    models_axis,
    points,
    tooltips,
)
from ggufeval.report.rows import rows
from ggufeval.types import LETTERS

if TYPE_CHECKING:
    from ggufeval.report.plots.plot import Drawn
    from ggufeval.report.rows import Row
    from ggufeval.types import Comparison

_FEW_LETTERS = ("#4f86c6", "#d1603d", "#2a9d78", "#c79a2b")
_UNSIGNED = "format(abs(datum.value), ',')"
"""Under bars to either side of zero: how many, without a sign."""
_NORMAL = 1.959964
"""Standard errors to either side of a mean that make 95%."""


def _flips(comparison: Comparison) -> Drawn | None:
    import altair as alt

    found = []
    floors = []
    for row in rows(comparison):
        if not row.against:
            continue
        for kind, sign, n in (("lost", -1, row.against.lost), ("won", 1, row.against.won)):
            found.append({"model": row.name, "kind": kind, "n": sign * n, "answers": f"{n:,}"})
            if row.score.floor:
                # Between two runs of one file F of the answers flip, half of them either way.
                share = row.score.floor.share.value / 2
                each = share * row.score.n_answers
                floors.append({"model": row.name, "n": sign * each, "floor": f"{each:.1f}"})
    if not any(datum["n"] for datum in found):
        return None
    color = alt.Color(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=["lost", "won"], range=[TONES["worse"], TONES["better"]]),
        legend=alt.Legend(orient="top"),
    )
    bars = (
        alt.Chart(data(found))
        .mark_bar(height=14)
        .encode(
            y=models_axis(found),
            x=alt.X("n:Q", title="answers", axis=alt.Axis(labelExpr=_UNSIGNED)),
            color=color,
            tooltip=tooltips("model", "kind", "answers"),
        )
    )
    parts: list[alt.Chart] = [bars]
    if floors:
        ticks = alt.Chart(data(floors)).mark_tick(color=NEUTRAL, thickness=2, size=22)
        parts.append(
            ticks.encode(y=models_axis(found), x="n:Q", tooltip=tooltips("model", "floor"))
        )
    return layers(*parts, height=len(comparison.candidates) * ROW + 10)


def _said_of_flips(comparison: Comparison) -> str:
    reference = rows(comparison)[0].name
    text = f"Left what {reference} has right and the level wrong, right the reverse"
    if any(row.score.floor for row in rows(comparison)):
        text += "; the ticks: what flips of itself, when only the batches change"
    return f"{text}."


def _divergence(comparison: Comparison) -> Drawn | None:
    import altair as alt

    def facts(row: Row) -> dict[str, Any] | None:
        if not row.moved or not row.moved.mean > 0:
            return None
        reach = _NORMAL * row.moved.standard_error
        low = max(row.moved.mean - reach, row.moved.mean / 10)
        return {
            "value": row.moved.mean,
            "from": low,
            "to": row.moved.mean + reach,
            "KLD": f"{row.kld} ± {numerals.nats(row.moved.standard_error)}",
            "same answer, %": row.same_answer,
        }

    found = points(comparison, facts)
    if not found:
        return None
    shown = tooltips("model", "KLD", "same answer, %")
    base = alt.Chart(data(found)).encode(
        y=models_axis(found), color=alt.value(TONES["even"]), tooltip=shown
    )
    scale = alt.Scale(type="log", padding=20)
    x = alt.X("value:Q", title="KLD, nats (logarithmic)", scale=scale)
    return layers(
        base.mark_rule(strokeWidth=2).encode(x=alt.X("from:Q", scale=scale), x2="to:Q"),
        base.mark_circle(size=90, opacity=1).encode(x=x),
        height=max(2, len(found)) * ROW,
    )


def _letters(comparison: Comparison) -> Drawn | None:
    import altair as alt

    found = []
    for row in rows(comparison):
        total = sum(row.score.letter_counts)
        for i, n in enumerate(row.score.letter_counts):
            if total:
                share = f"{numerals.percent(n / total)}% ({n:,} of {total:,})"
                found.append(
                    {
                        "model": row.name,
                        "letter": LETTERS[i],
                        "place": i,
                        "n": n / total,
                        "answers": share,
                    }
                )
    if not found:
        return None
    letters = LETTERS[: max(len(row.score.letter_counts) for row in rows(comparison))]
    scale = (
        alt.Scale(domain=list(letters), range=list(_FEW_LETTERS[: len(letters)]))
        if len(letters) <= len(_FEW_LETTERS)
        else alt.Scale(domain=list(letters), scheme="tableau10")
    )
    drawn: alt.Chart = (
        alt.Chart(data(found))
        .mark_bar(height=16)
        .encode(
            y=models_axis(found),
            x=alt.X("n:Q", title="share of the answers", axis=alt.Axis(format="%")),
            color=alt.Color("letter:N", title=None, scale=scale, legend=alt.Legend(orient="top")),
            order=alt.Order("place:Q"),
            tooltip=tooltips("model", "letter", "answers"),
        )
        .properties(height=len(rows(comparison)) * ROW)
    )
    return drawn


def _mass(comparison: Comparison) -> Drawn | None:
    import altair as alt

    found = points(
        comparison,
        lambda row: (
            {"value": row.score.letter_mass, "letter mass": row.letter_mass}
            if math.isfinite(row.score.letter_mass)
            else None
        ),
    )
    if not found:
        return None
    axis = alt.Axis(format="%")
    x = alt.X("value:Q", title="letter mass", scale=alt.Scale(domain=[0, 1]), axis=axis)
    drawn: alt.Chart = (
        alt.Chart(data(found))
        .mark_bar(height=14)
        .encode(
            y=models_axis(found),
            x=x,
            color=alt.value(TONES["even"]),
            tooltip=tooltips("model", "letter mass"),
        )
        .properties(height=max(2, len(found)) * ROW)
    )
    return drawn


CHARTS = (
    Chart(30, "flips", "Answers lost and won", _said_of_flips, _flips),
    Chart(
        31,
        "divergence",
        "How far the probabilities moved",
        lambda comparison: (
            "Mean divergence of the letters' probabilities from those of "
            f"{rows(comparison)[0].name}, ± 1.96 standard errors."
        ),
        _divergence,
    ),
    Chart(
        32,
        "letters",
        "Which letters were answered",
        lambda _: "Share of the answers on each letter: a collapsing model falls onto one.",
        _letters,
    ),
    Chart(
        33,
        "letter-mass",
        "Letter mass",
        lambda _: (
            "Probability on the answer letters together, before the grammar, as a mean: below 50% "
            "the model would rather have said something else."
        ),
        _mass,
    ),
)
