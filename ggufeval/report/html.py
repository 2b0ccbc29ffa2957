"""The comparison as one self-contained web page: no network, no script, light or dark."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

from ggufeval.report import numerals
from ggufeval.report.charts import accuracy_chart, difference_chart
from ggufeval.report.flips import flips
from ggufeval.report.format import Format
from ggufeval.report.rows import common_words, rows, tensor_mix
from ggufeval.report.sentences import alarms, finding, heading, legend, notes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jinja2 import Template

    from ggufeval.types import Comparison, Fingerprint, RunResult

_TEMPLATE = "template.html.j2"


def render(
    comparison: Comparison,
    results: Sequence[RunResult] = (),
    _stream: TextIO | None = None,
) -> str:
    """Finding, tables, charts, how it was measured; with results also the flipped questions."""
    run = comparison.reference.run
    page = template(_TEMPLATE).render(
        accuracy=accuracy_chart(comparison),
        alarms=alarms(comparison),
        comparison=comparison,
        differences=difference_chart(comparison) if comparison.candidates else None,
        finding=finding(comparison),
        fingerprint=tuple(settings(run.fingerprint)),
        flips=flips(comparison, results),
        heading=heading(comparison),
        legend=legend(comparison),
        model=common_words(comparison) or numerals.visible(run.model.label),
        notes=notes(comparison),
        rows=rows(comparison),
        task=numerals.visible(run.task),
    )
    return page.rstrip() + "\n"


def template(name: str) -> Template:
    """A template of this room, with the filters that ours use. What it is given is escaped."""
    from importlib.resources import files

    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(lambda path: (files(__package__) / path).read_text("utf-8")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "minus": _minus,
        "mix": tensor_mix,
        "size": numerals.size,
        "visible": numerals.visible,
    }
    return environment.get_template(name)


def _minus(text: str) -> str:
    """Numbers in print have a minus sign, not a hyphen."""
    return re.sub(r"(?<![\w-])-(?=\d)", "\u2212", text)


def settings(fingerprint: Fingerprint) -> Iterator[tuple[str, str]]:
    """Every field by its dotted name, so that a new one is shown without a change here."""
    for name, value in asdict(fingerprint).items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{key}", _setting(inner)) for key, inner in value.items())
        else:
            yield name, _setting(value)


def _setting(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_setting(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return numerals.visible(str(value), keep="\n") or "unknown"


FORMAT = Format("html", ".html", render)
