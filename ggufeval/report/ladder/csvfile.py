"""A ladder as CSV: one row a rung, full precision, shares and differences in [-1, 1].

The columns are those of `ggufeval.report.ladder.records`, then what holds for the whole ladder.
"""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, TextIO

from ggufeval.report.csvfile import field
from ggufeval.report.ladder.format import LadderFormat
from ggufeval.report.ladder.records import records

if TYPE_CHECKING:
    from ggufeval.report.records import Value
    from ggufeval.types import Ladder


def render(ladder: Ladder, _stream: TextIO | None = None) -> str:
    """A header and one line a rung; an empty field means: there is no such value."""
    shared: dict[str, Value] = {
        "model": ladder.model.label,
        "model_sha256": ladder.model.sha256,
        "task": ladder.task,
        "source": ladder.source,
        "design": str(ladder.design),
        "n_questions": ladder.n_questions,
        "n_population": ladder.n_population,
        "n_subjects": ladder.n_subjects,
        "chance": ladder.chance,
    }
    lines = [record | shared for record in records(ladder)]
    text = StringIO()
    writer = csv.DictWriter(text, fieldnames=list(lines[0]) if lines else (), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: field(value) for key, value in line.items()} for line in lines)
    return text.getvalue()


FORMAT = LadderFormat("csv", ".csv", render)
