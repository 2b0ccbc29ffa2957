"""Dot-and-whisker charts as numbers: where the template draws what.

Horizontal places are per cent of the width, so that a chart fits a page and a phone without
a script, and its letters keep their size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ggufeval.report.numerals import clip
from ggufeval.report.rows import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.report.rows import Row
    from ggufeval.types import Comparison, Estimate

_ROW_HEIGHT = 50
_FIRST_ROW = 30
_MOST_TICKS = 6
_MARGIN = 3.0
_LONGEST_NAME = 25
"""What a phone can show beside the numbers."""


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Whisker:
    """One model: a dot with its interval."""

    name: str
    text: str
    y: int
    x: float
    low: float
    high: float
    tone: str
    """`reference`, `worse`, `better` or `even`: a difference whose interval has 0 is even."""


@dataclass(frozen=True, slots=True)
class Chart:
    """All that is drawn: vertical places in pixels, horizontal ones in per cent."""

    height: int
    bottom: int
    whiskers: tuple[Whisker, ...]
    ticks: tuple[Tick, ...]
    line: Tick
    """Chance, or no difference."""
    band: tuple[float, float] | None = None
    """Left end and width of the reference's interval."""


def accuracy_chart(comparison: Comparison) -> Chart:
    """Accuracy of every model in per cent; the reference's band and the line of chance."""
    found = rows(comparison)
    estimates = [row.score.micro for row in found]
    scale = Scale([*ends(estimates), comparison.chance])
    reference = comparison.reference.micro
    left, right = scale.place(reference.low), scale.place(reference.high)
    texts = [row.accuracy for row in found]
    chance = Tick(scale.place(comparison.chance), f"chance {100 * comparison.chance:.4g}%")
    tones = [_tone(comparison, row) for row in found]
    whiskers = _whiskers(found, estimates, texts, tones, scale)
    return _chart(whiskers, scale.ticks("{:g}%", zero="0%"), chance, (left, right - left))


def difference_chart(comparison: Comparison) -> Chart:
    """Difference of every candidate to the reference, in points, around zero."""
    found = rows(comparison)[1:]
    estimates = [item.difference.micro for item in comparison.candidates]
    scale = Scale([*ends(estimates), 0.0])
    texts = [row.change for row in found]
    tones = [_tone(comparison, row) for row in found]
    whiskers = _whiskers(found, estimates, texts, tones, scale)
    return _chart(
        whiskers, scale.ticks("{:+g}", zero="0"), Tick(scale.place(0.0), "no difference"), None
    )


def _tone(comparison: Comparison, row: Row) -> str:
    if row.against is None:
        return "reference"
    if comparison.reference_at_chance or 0.0 in row.against.micro:
        return "even"
    return "worse" if row.against.micro.value < 0 else "better"


def ends(estimates: Sequence[Estimate]) -> list[float]:
    return [end for item in estimates for end in (item.low, item.value, item.high)]


def _whiskers(
    found: Sequence[Row],
    estimates: Sequence[Estimate],
    texts: Sequence[str],
    tones: Sequence[str],
    scale: Scale,
) -> tuple[Whisker, ...]:
    return tuple(
        Whisker(
            name=clip(row.name, _LONGEST_NAME),
            text=text,
            y=_FIRST_ROW + number * _ROW_HEIGHT,
            x=scale.place(estimate.value),
            low=scale.place(estimate.low),
            high=scale.place(estimate.high),
            tone=tone,
        )
        for number, (row, estimate, text, tone) in enumerate(
            zip(found, estimates, texts, tones, strict=True)
        )
    )


def _chart(
    whiskers: tuple[Whisker, ...],
    ticks: tuple[Tick, ...],
    line: Tick,
    band: tuple[float, float] | None,
) -> Chart:
    bottom = len(whiskers) * _ROW_HEIGHT
    return Chart(bottom + 40, bottom, whiskers, ticks, line, band)


class Scale:
    """From shares to per cent of the width, with round numbers under the axis."""

    def __init__(self, values: Sequence[float]) -> None:
        finite = [100 * value for value in values if math.isfinite(value)]
        low, high = min(finite), max(finite)
        pad = max((high - low) * 0.04, 0.05)
        self._low, self._high = low - pad, high + pad

    def place(self, share: float) -> float:
        """Two decimals: a hundredth of a per cent is less than a pixel."""
        if not math.isfinite(share):
            share = 0.0
        part = (100 * share - self._low) / (self._high - self._low)
        return round(_MARGIN + (100 - 2 * _MARGIN) * min(max(part, 0.0), 1.0), 2)

    def ticks(self, form: str, zero: str) -> tuple[Tick, ...]:
        step = _round_step((self._high - self._low) / _MOST_TICKS)
        first, last = math.ceil(self._low / step), math.floor(self._high / step)
        marks = [round(number * step, 10) + 0.0 for number in range(first, last + 1)]
        return tuple(
            Tick(self.place(mark / 100), form.format(mark) if mark else zero) for mark in marks
        )


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, ... times a power of ten that is not below `least`."""
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * 0.999)
