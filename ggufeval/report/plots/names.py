"""Where the names of dots stand, so that none hides another: greedy, on a page of a usual size.

What finds no room is left out; hovering tells it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WIDTH, _HEIGHT = 240.0, 250.0
"""Pixels of the plot: between a page and a phone."""
_LETTER, _LINE = 6.6, 11.0
_LONGEST = 20
_DOT, _WHISKER = 5.0, 2.0


@dataclass(frozen=True, slots=True)
class Place:
    """Relative to one of a datum's fields: pixels to the right and down, and Vega's alignment."""

    field: str
    align: str
    dx: float
    dy: float

    @property
    def mark(self) -> dict[str, Any]:
        return {"align": self.align, "dx": self.dx, "dy": self.dy, "baseline": "middle"}


PLACES: Mapping[str, Place] = {
    "right above": Place("accuracy", "left", 8, -8),
    "right below": Place("accuracy", "left", 8, 9),
    "left above": Place("accuracy", "right", -8, -8),
    "left below": Place("accuracy", "right", -8, 9),
    "on top": Place("high", "center", 0, -8),
    "beneath": Place("low", "center", 0, 9),
}


@dataclass(frozen=True, slots=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def short(name: str) -> str:
    """The end of a long name, which tells levels apart."""
    return name if len(name) <= _LONGEST else f"\N{HORIZONTAL ELLIPSIS}{name[1 - _LONGEST :]}"


def place_names(data: Sequence[Mapping[str, Any]], reach: Sequence[float]) -> list[str]:
    """A key of `PLACES` for each datum's `short` name, or empty: there is no room for it.

    A datum has its `x`, within `reach`, and `accuracy` between `low` and `high`. Who stands
    nearest to the edge of the crowd chooses first: the rightmost.
    """
    top, bottom = max(d["high"] for d in data), min(d["low"] for d in data)

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            (x - reach[0]) / (reach[1] - reach[0]) * _WIDTH,
            (top - y) / ((top - bottom) or 1.0) * _HEIGHT,
        )

    dots, whiskers = [], []
    for datum in data:
        x, y = at(datum["x"], datum["accuracy"])
        dots.append(_Box(x - _DOT, y - _DOT, x + _DOT, y + _DOT))
        ends = at(0, datum["high"])[1], at(0, datum["low"])[1]
        whiskers.append(_Box(x - _WHISKER, ends[0], x + _WHISKER, ends[1]))
    taken: list[_Box] = []
    chosen = [""] * len(data)
    for i in sorted(range(len(data)), key=lambda i: -data[i]["x"]):
        boxes = {
            name: _box(place, *at(data[i]["x"], data[i][place.field]), len(data[i]["short"]))
            for name, place in PLACES.items()
        }
        # A line through a name is better than no name.
        for blocking in ([*dots, *whiskers], dots):
            free = [
                name
                for name, box in boxes.items()
                if box.left >= 0
                and box.right <= _WIDTH
                and not any(box.meets(other) for other in (*blocking, *taken))
            ]
            if free:
                chosen[i] = free[0]
                taken.append(boxes[free[0]])
                break
    return chosen


def _box(place: Place, x: float, y: float, n_letters: int) -> _Box:
    width = n_letters * _LETTER
    x, y = x + place.dx, y + place.dy
    left = x - {"left": 0.0, "center": width / 2, "right": width}[place.align]
    return _Box(left, y - _LINE / 2, left + width, y + _LINE / 2)
