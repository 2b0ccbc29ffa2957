"""A run's accuracy, the same way by who writes a bundle and by who verifies it."""

from __future__ import annotations

from ggufeval.bundle.contents import Score
from ggufeval.stats import scores
from ggufeval.types import RunResult


def score(result: RunResult) -> Score:
    """The questions' texts do not matter. Raises ComparisonError where nothing is recorded."""
    found = scores.score(result)
    return Score(
        n=len(result.records),
        n_correct=sum(record.correct for record in result.records),
        micro=found.micro.value,
        macro=found.macro.value,
    )
