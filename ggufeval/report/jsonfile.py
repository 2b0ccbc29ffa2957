"""The comparison as JSON, full precision, for other programs. Strings are as they were found.

`docs/report.schema.json` says what every key means; a key that is not there fails a test. A number
that is not finite is null: JSON has no other word for it.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, TextIO

from ggufeval.report.decompositions import decomposition_records
from ggufeval.report.format import Format
from ggufeval.report.groups import group_records
from ggufeval.report.records import records, settings
from ggufeval.report.views import view_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.types import Comparison, RunResult

SCHEMA = 1


def render(
    comparison: Comparison,
    _results: Sequence[RunResult] = (),
    _stream: TextIO | None = None,
) -> str:
    """One object, indented, ASCII only."""
    run = comparison.reference.run
    scores = (comparison.reference, *(item.score for item in comparison.candidates))
    models = [
        record
        | {
            "tensor_types": dict(score.run.model.tensor_types),
            "letter_counts": score.letter_counts,
            "path": score.run.model.path,
            "command": score.run.command,
            "fingerprint": settings(score.run.fingerprint),
        }
        for record, score in zip(records(comparison), scores, strict=True)
    ]
    tree: dict[str, object] = {
        "schema": SCHEMA,
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
        **({"stopping": comparison.stopping} if comparison.stopping else {}),
        "interval_level": comparison.reference.micro.level,
        "alarms": comparison.alarms,
        "remarks": comparison.remarks,
        "models": models,
    }
    if comparison.groups:
        tree["groups"] = group_records(comparison)
    if comparison.decompositions:
        tree["decompositions"] = decomposition_records(comparison)
    if comparison.views:
        tree["views"] = view_records(comparison)
    return json.dumps(finite(tree), indent=2, allow_nan=False) + "\n"


def finite(tree: object) -> object:
    match tree:
        case dict():
            return {key: finite(value) for key, value in tree.items()}
        case list() | tuple():
            return [finite(value) for value in tree]
        case float() if not math.isfinite(tree):
            return None
        case _:
            return tree


FORMAT = Format("json", ".json", render)
