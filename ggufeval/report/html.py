"""The comparison as one self-contained web page: no network; its tables need no script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from ggufeval.report import numerals
from ggufeval.report.decompositions import (
    HEADERS,
    TITLE,
    decomposition_legend,
    decomposition_rows,
)
from ggufeval.report.format import Format
from ggufeval.report.groups import group_legend, group_rows
from ggufeval.report.notes import notes
from ggufeval.report.packed import allowed, chart_library, packed, packed_json, page_script
from ggufeval.report.plots import plots
from ggufeval.report.plots.plot import tone
from ggufeval.report.questions import fitting, questions
from ggufeval.report.records import settings
from ggufeval.report.rows import (
    DIVERGENCE,
    common_words,
    divergence_cells,
    has_letter_mass,
    has_macro,
    n_positions,
    rows,
    tensor_mix,
)
from ggufeval.report.sentences import (
    alarms,
    divergence_legend,
    finding,
    heading,
    legend,
    positions_legend,
)
from ggufeval.report.verdicts import basis, verdicts
from ggufeval.report.views import view_tables
from ggufeval.report.vocabulary import HEADERS as VOCABULARY_HEADERS
from ggufeval.report.vocabulary import vocabulary_cells, vocabulary_legend, vocabulary_title
from ggufeval.types import LETTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jinja2 import Template

    from ggufeval.types import Comparison, Fingerprint, RunResult

_TEMPLATE = "template.html.j2"
_ROOM_FOR_QUESTIONS = 4_300_000
"""Characters: with the charts' library and the tables a page stays under 5 MB."""


def render(
    comparison: Comparison,
    results: Sequence[RunResult] = (),
    _stream: TextIO | None = None,
) -> str:
    """Finding, tables, charts, how it was measured; with results also every question."""
    run, found = comparison.reference.run, rows(comparison)
    said = finding(comparison)
    drawn, asked = plots(comparison), questions(comparison, results)
    browser, left_out = fitting(asked, _ROOM_FOR_QUESTIONS) if asked else ("", "")
    page = template(_TEMPLATE).render(
        alarms=alarms(comparison),
        browser=browser,
        charts=drawn,
        charts_data=packed_json({each.name: each.spec for each in drawn}),
        comparison=comparison,
        decomposition_headers=HEADERS,
        decomposition_legend=decomposition_legend(comparison),
        decomposition_title=TITLE,
        decompositions=[row.cells for row in decomposition_rows(comparison)],
        finding=said,
        divergence=divergence_cells(found),
        divergence_headers=DIVERGENCE,
        divergence_legend=divergence_legend(comparison),
        fingerprint=tuple(conditions(run.fingerprint)),
        group_legend=group_legend(comparison),
        groups=group_rows(comparison),
        has_letter_mass=has_letter_mass(found),
        has_macro=has_macro(found),
        heading=heading(comparison),
        left_out=left_out,
        legend=legend(comparison),
        letters=LETTERS[: n_positions(found)],
        library=packed(chart_library()),
        model=common_words(comparison) or numerals.visible(run.model.label),
        notes=notes(comparison),
        positions_legend=positions_legend(comparison),
        policy=f"{allowed(page_script())} {allowed(chart_library())}",
        prompts_kept=bool(asked and "prompts" in asked),
        rows=found,
        script=page_script(),
        standing=basis(comparison),
        task=numerals.visible(run.task),
        tones=[tone(comparison, row) for row in found],
        verdicts=[each for each in verdicts(comparison) if each != said],
        views=view_tables(comparison),
        vocabulary=vocabulary_cells(comparison),
        vocabulary_headers=VOCABULARY_HEADERS,
        vocabulary_legend=vocabulary_legend(comparison),
        vocabulary_title=vocabulary_title(comparison),
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


def conditions(fingerprint: Fingerprint) -> Iterator[tuple[str, str]]:
    """Every field by its dotted name, so that a new one is shown without a change here."""
    for name, value in settings(fingerprint).items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{key}", _setting(inner)) for key, inner in value.items())
        else:
            yield name, _setting(value, missing="none" if name == "grammar" else "unknown")


def _setting(value: object, missing: str = "unknown") -> str:
    if isinstance(value, tuple):
        return ", ".join(_setting(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return numerals.visible(str(value), keep="\n") or missing


FORMAT = Format("html", ".html", render)
