"""Rungs of the original study's ladder: how a model does on each, and what format cost it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ggufeval.stats.comparison import compare
from ggufeval.stats.scores import score
from ggufeval.types import Ladder, RungResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.types import Estimate, ModelInfo, QuestionSet, Rung, RunResult


def rung_result(
    rung: Rung,
    style: str,
    free: RunResult | None,
    constrained: RunResult | None,
    unavailable: str = "",
    *,
    level: float = 0.95,
) -> RungResult:
    """Score a rung's two runs, and pair them over the questions that both have recorded.

    None stands for a run that is not there; without both, nothing is said of what format cost.
    ComparisonError as in `score` and `compare`.
    """
    return RungResult(
        rung=rung,
        style=style,
        free=score(free, level=level) if free else None,
        constrained=score(constrained, level=level) if constrained else None,
        cost=_cost(free, constrained, level) if free and constrained else None,
        unavailable=unavailable,
    )


def ladder(model: ModelInfo, rungs: Sequence[RungResult], questions: QuestionSet) -> Ladder:
    """All rungs of one model, in the order given, beside what was asked."""
    asked = questions.questions
    return Ladder(
        model=model,
        rungs=tuple(rungs),
        task=questions.task,
        source=questions.source,
        design=questions.design,
        n_questions=len(asked),
        n_population=sum(questions.population.values()),
        n_subjects=len({question.subject for question in asked}),
        chance=sum(1 / len(question.choices) for question in asked) / len(asked),
    )


def _cost(free: RunResult, constrained: RunResult, level: float) -> Estimate:
    # The two differ in the grammar, which is what is measured.
    compared = compare(free, [constrained], level=level, allow_mismatch=True)
    return compared.candidates[0].difference.micro
