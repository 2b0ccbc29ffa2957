"""Questions for runs that may end early: in one random order, some at a time."""

from __future__ import annotations

import math
from dataclasses import replace

from ggufeval.errors import UsageError
from ggufeval.tasks.sampling import ranked
from ggufeval.types import Design, QuestionSet

FIRST = 200
"""Questions in a round, at least."""
GROWTH = 0.1
"""A round asks a tenth of what was asked before it, if that is more: what a verdict comes too
late by never is a larger part."""
VERDICT, BUDGET = "verdict", "budget"


def until_verdict(questions: QuestionSet, seed: int) -> QuestionSet:
    """All of them, in rounds, after any of which a run may end.

    Raises UsageError for a sample with equal numbers a subject: of it the test, which counts
    every question alike, would say nothing that anybody asks.
    """
    _check(questions, "--until-verdict")
    return _in_rounds(questions, VERDICT, seed)


def within_budget(questions: QuestionSet, n: int, seed: int) -> QuestionSet:
    """The n that `--sample n` would draw first, then the others. Raises UsageError as above, and
    where there are no more than n."""
    _check(questions, f"--budget {n}")
    size = len(questions.questions)
    if not 0 < n < size:
        raise UsageError(
            f"--budget {n}: a number below that of the questions, {size:,}, was expected: the "
            "reference answers all of them, the other levels so many."
        )
    return _in_rounds(questions, f"{BUDGET} {n}", seed)


def sizes(stopping: str, n: int) -> tuple[int, ...]:
    """How many of n questions each round has (`QuestionSet.stopping`); none: without rounds."""
    if stopping.startswith(BUDGET):
        first = int(stopping.removeprefix(BUDGET))
        return first, n - first
    found: list[int] = []
    while stopping == VERDICT and (asked := sum(found)) < n:
        found.append(min(max(FIRST, math.ceil(GROWTH * asked)), n - asked))
    return tuple(found)


def _check(questions: QuestionSet, option: str) -> None:
    if questions.design is Design.STRATIFIED:
        raise UsageError(
            f"{option} takes its questions from all alike, and --limit takes equal numbers from "
            "each subject. Leave --limit out, or use --sample."
        )


def _in_rounds(questions: QuestionSet, stopping: str, seed: int) -> QuestionSet:
    return replace(
        questions,
        questions=tuple(ranked(questions.questions, seed)),
        rounds=sizes(stopping, len(questions.questions)),
        stopping=stopping,
        seed=seed,
    )
