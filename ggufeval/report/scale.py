"""Where a chart that the template draws has what.

Horizontal places are per cent of the width, so that a chart fits a page and a phone without
a script, and its letters keep their size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.types import Estimate

_MOST_TICKS = 6
_MARGIN = 3.0


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    text: str


def ends(estimates: Sequence[Estimate]) -> list[float]:
    return [end for item in estimates for end in (item.low, item.value, item.high)]


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
