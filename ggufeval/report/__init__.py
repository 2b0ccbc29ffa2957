"""Reports: each renders the same Comparison. A new one is one new file with a `FORMAT` in it."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, TextIO

from ggufeval.errors import UsageError
from ggufeval.report.format import Format

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ggufeval.types import Comparison, RunResult

__all__ = ["Format", "find_format", "format_names", "render"]


@cache
def _formats() -> Mapping[str, Format]:
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    found = [vars(module)["FORMAT"] for module in modules if "FORMAT" in vars(module)]
    return {item.name: item for item in sorted(found, key=lambda item: item.name)}


def format_names() -> tuple[str, ...]:
    """The names that `render` takes, sorted: `csv`, `html`, ..."""
    return tuple(_formats())


def find_format(name: str) -> Format:
    """The format of that name, with the suffix of its files."""
    try:
        return _formats()[name]
    except KeyError:
        known = ", ".join(format_names())
        raise UsageError(f"There is no report format {name!r}; choose one of: {known}.") from None


def render(
    name: str,
    comparison: Comparison,
    results: Sequence[RunResult] = (),
    stream: TextIO | None = None,
) -> str:
    """A whole report as text, ending in a newline.

    `results` lets a report show single questions; without them it shows the tables alone.
    `stream` is where the text will be written: it decides on width and colours of a report
    that is made for terminals. Without it the text fits a UTF-8 file of 80 columns.
    """
    return find_format(name).render(comparison, results, stream)
