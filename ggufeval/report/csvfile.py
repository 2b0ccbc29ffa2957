"""The comparison as CSV: one row a model, full precision, shares and differences in [-1, 1].

The columns are those of `ggufeval.report.records`, then those of views (`redux_n`,
`redux_accuracy`, `weights_n`, ...: what the JSON report has in `views`), then what holds for the
whole comparison. By subject or category it is one row a group and model, with the columns of
`ggufeval.report.groups`, and without views.
"""

from __future__ import annotations

import csv
import math
from io import StringIO
from typing import TYPE_CHECKING, TextIO

from ggufeval.report.format import Format
from ggufeval.report.groups import group_records
from ggufeval.report.numerals import no_formula, visible
from ggufeval.report.records import Value, records
from ggufeval.report.views import view_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.types import Comparison, RunResult


def render(
    comparison: Comparison,
    _results: Sequence[RunResult] = (),
    _stream: TextIO | None = None,
) -> str:
    """A header and one line a model, the reference first; an empty field means: not defined."""
    run = comparison.reference.run
    shared: dict[str, Value] = {
        "task": run.task,
        "source": run.source,
        "design": str(comparison.design),
        "n_questions": comparison.n_questions,
        "n_population": comparison.n_population,
        "n_subjects": comparison.n_subjects,
        "chance": comparison.chance,
        "reference_at_chance": comparison.reference_at_chance,
        "margin": comparison.margin,
        "alpha": comparison.alpha,
        "unjudged": comparison.unjudged,
    }
    lines = (
        [record | shared for record in group_records(comparison)]
        if comparison.groups
        else [
            record | seen | shared
            for record, seen in zip(records(comparison), view_columns(comparison), strict=True)
        ]
    )
    text = StringIO()
    writer = csv.DictWriter(text, fieldnames=list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: field(value) for key, value in line.items()} for line in lines)
    return text.getvalue()


def field(value: Value) -> Value:
    """As it stands in a file: nothing hidden in it, and nothing a spreadsheet would calculate."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return no_formula(visible(value))
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


FORMAT = Format("csv", ".csv", render)
