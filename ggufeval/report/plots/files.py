"""Charts as files: SVG and PNG, without a browser."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from ggufeval.report.plots import plots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ggufeval.report.plots.plot import Plot
    from ggufeval.types import Comparison

_WIDTH = 640
_SCALE = 2.0
"""Pixels of a PNG for one of the chart's."""
_LINE = 96
"""Characters of the sentence under the title."""


def chart_files(comparison: Comparison) -> Iterator[tuple[str, bytes]]:
    """Every chart twice, as file name and content: `NAME.svg`, `NAME.png`. On white."""
    import vl_convert

    for each in plots(comparison):
        spec = _titled(each)
        yield f"{each.name}.svg", vl_convert.vegalite_to_svg(spec).encode()
        yield f"{each.name}.png", vl_convert.vegalite_to_png(spec, scale=_SCALE)


def _titled(each: Plot) -> dict[str, Any]:
    title = {
        "text": each.title,
        "subtitle": wrap(each.sentence, _LINE),
        "anchor": "start",
        "offset": 14,
        "fontSize": 15,
        "subtitleFontSize": 12,
        "subtitleColor": "#5c6066",
    }
    look = {"view": {"stroke": None}, "axis": {"titleFontWeight": "normal", "labelFlush": False}}
    return {
        **each.spec,
        "width": _WIDTH,
        "background": "white",
        "padding": 16,
        "title": title,
        "config": look,
    }
