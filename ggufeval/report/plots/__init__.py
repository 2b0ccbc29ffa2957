"""Charts of a comparison, drawn by Vega-Lite. New ones are one new file with `CHARTS` in it."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from ggufeval.report.plots.plot import Plot, plot

if TYPE_CHECKING:
    from ggufeval.report.plots.plot import Chart
    from ggufeval.types import Comparison

__all__ = ["Plot", "chart_names", "plots"]


@cache
def _charts() -> tuple[Chart, ...]:
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    found = [chart for module in modules for chart in vars(module).get("CHARTS", ())]
    return tuple(sorted(found, key=lambda chart: chart.order))


def chart_names() -> tuple[str, ...]:
    """Of all charts that there are, the stems of their files."""
    return tuple(chart.name for chart in _charts())


def plots(comparison: Comparison) -> tuple[Plot, ...]:
    """The charts that this comparison has something for, in reading order."""
    drawn = (plot(chart, comparison) for chart in _charts())
    return tuple(found for found in drawn if found)
