"""Reports of a ladder. A new one is one new file here with a `FORMAT` in it."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, TextIO

from ggufeval.errors import UsageError
from ggufeval.report.ladder.format import LadderFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ggufeval.types import Ladder

__all__ = ["LadderFormat", "find_format", "format_names", "render"]


@cache
def _formats() -> Mapping[str, LadderFormat]:
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    found = [vars(module)["FORMAT"] for module in modules if "FORMAT" in vars(module)]
    return {item.name: item for item in sorted(found, key=lambda item: item.name)}


def format_names() -> tuple[str, ...]:
    """The names that `render` takes, sorted: `csv`, `html`, ..."""
    return tuple(_formats())


def find_format(name: str) -> LadderFormat:
    """The format of that name, with the suffix of its files."""
    try:
        return _formats()[name]
    except KeyError:
        known = ", ".join(format_names())
        raise UsageError(
            f"A ladder has no report format {name!r}; choose one of: {known}."
        ) from None


def render(name: str, ladder: Ladder, stream: TextIO | None = None) -> str:
    """A whole report as text, ending in a newline. `stream` as in `ggufeval.report.render`."""
    return find_format(name).render(ladder, stream)
