"""A ladder's chart in letters, one line a rung: ASCII save for the rule, which has a stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ggufeval.report.bars import axis, place_of
from ggufeval.report.ladder.rows import NOT_AVAILABLE, rows
from ggufeval.report.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ggufeval.report.ladder.rows import RungRow
    from ggufeval.types import Ladder

_NARROWEST = 30
_WIDEST = 64
_BEYOND = f"  {NOT_AVAILABLE}"
FREE, GRAMMAR, PUBLISHED, CHANCE, JOINED = "o", "#", "x", "|", "\N{BOX DRAWINGS LIGHT HORIZONTAL}"


def bars(ladder: Ladder, width: int) -> list[str]:
    """A key, one line a rung, and the axis. Nothing where nothing was measured, or has room."""
    found, _ = rows(ladder)
    names = max((len(row.name) for row in found), default=0) + 2
    beyond = len(_BEYOND) if any(row.result.unavailable for row in found) else 0
    room = min(width - names - beyond, _WIDEST)
    measured = any(row.result.studied or row.result.constrained for row in found)
    if not measured or room < _NARROWEST:
        return []
    scale = Scale([*_values(ladder), ladder.chance])
    return [
        f"{FREE} as studied   {GRAMMAR} grammar   {PUBLISHED} study   {CHANCE} chance",
        *(f"{row.name.ljust(names)}{_bar(row, scale, room, ladder.chance)}" for row in found),
        " " * names + axis(scale, room, "{:g}%", zero="0%"),
    ]


def _values(ladder: Ladder) -> Iterator[float]:
    for item in ladder.rungs:
        yield from (score.micro.value for score in (item.free, item.constrained) if score)
        if item.rung.published:
            yield item.rung.published.micro


def _bar(row: RungRow, scale: Scale, room: int, chance: float) -> str:
    """What was measured stands in front of what was published, and that before chance."""
    result = row.result
    measured = [
        (place_of(scale.place(score.micro.value), room), mark)
        for score, mark in ((result.free, FREE), (result.constrained, GRAMMAR))
        if score
    ]
    cells = [" "] * room
    cells[place_of(scale.place(chance), room)] = CHANCE
    if len(measured) == 2:
        first, last = sorted(place for place, _ in measured)
        cells[first : last + 1] = JOINED * (last + 1 - first)
    if published := result.rung.published:
        cells[place_of(scale.place(published.micro), room)] = PUBLISHED
    for place, mark in measured:
        cells[place] = mark
    text = "".join(cells).rstrip()
    return f"{text}{_BEYOND}" if result.unavailable else text
