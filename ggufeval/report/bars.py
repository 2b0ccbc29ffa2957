"""The main chart in letters, one line a model: ASCII save for the rule, which has a stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from ggufeval.report.page import DEFAULT_WIDTH, terminal_of
from ggufeval.report.rows import rows
from ggufeval.report.scale import Scale, ends

if TYPE_CHECKING:
    from ggufeval.types import Comparison, Estimate

_NARROWEST, _WIDEST = 24, 72
_DOT, _RULE, _LINE, _MARGIN = "o", "\N{BOX DRAWINGS LIGHT HORIZONTAL}", "|", ":"


def bars(comparison: Comparison, width: int = DEFAULT_WIDTH) -> list[str]:
    """Differences to the reference with their intervals; accuracies where there is but one model.

    A key, one line a model, and the axis; nothing where there is no room.
    """
    reference, *levels = rows(comparison)
    if levels:
        found = [row for row in levels if row.against]
        estimates = [row.against.micro for row in found if row.against]
        marks = {_MARGIN: -comparison.margin, _LINE: 0.0}
        key = f"difference to {reference.name}, points: {_LINE} none"
        key += f"   {_MARGIN} margin" if not comparison.reference_at_chance else ""
        form, zero = "{:+g}", "0"
    else:
        found, estimates = [reference], [reference.score.micro]
        marks = {_LINE: comparison.chance}
        key, form, zero = f"accuracy: {_LINE} chance", "{:g}%", "0%"
    if comparison.reference_at_chance:
        marks.pop(_MARGIN, None)
    names = max(len(row.name) for row in found) + 2
    room = min(width - names, _WIDEST)
    if room < _NARROWEST:
        return []
    scale = Scale([*ends(estimates), *marks.values()])
    places = {mark: place_of(scale.place(value), room) for mark, value in marks.items()}
    return [
        key,
        *(
            f"{row.name.ljust(names)}{_bar(estimate, scale, places, room)}"
            for row, estimate in zip(found, estimates, strict=True)
        ),
        " " * names + axis(scale, room, form, zero),
    ]


def axis(scale: Scale, room: int, form: str, zero: str) -> str:
    """Round numbers where they belong, those left out that would touch others."""
    line = " " * room
    for tick in scale.ticks(form, zero):
        place = min(place_of(tick.x, room), room - len(tick.text))
        end = place + len(tick.text)
        if not line[max(place - 1, 0) : end + 1].strip():
            line = line[:place] + tick.text + line[end:]
    return line.rstrip()


def _bar(estimate: Estimate, scale: Scale, places: dict[str, int], room: int) -> str:
    cells = [" "] * room
    for mark, place in places.items():
        cells[place] = mark
    low, value, high = (
        place_of(scale.place(x), room) for x in (estimate.low, estimate.value, estimate.high)
    )
    for place in range(low, high + 1):
        if cells[place] == " ":
            cells[place] = _RULE
    cells[value] = _DOT
    return "".join(cells).rstrip()


def place_of(percent: float, room: int) -> int:
    """The cell out of `room` for per cent of the width."""
    return min(int(percent / 100 * room), room - 1)


def render(comparison: Comparison, stream: TextIO | None = None) -> str:
    """The chart as lines of text at the width that suits the stream; empty without room."""
    width, _ = terminal_of(stream)
    return "".join(f"{line}\n" for line in bars(comparison, width))
