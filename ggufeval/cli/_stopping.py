"""The options of sweeps that may end early."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ggufeval.errors import UsageError

if TYPE_CHECKING:
    from ggufeval.stopping import Rule
    from ggufeval.sweep import Outcome
    from ggufeval.types import QuestionSet

Function = TypeVar("Function", bound=Callable[..., Any])


def options(function: Function) -> Function:
    function = click.option(
        "--budget",
        type=click.IntRange(min=1),
        metavar="N",
        help="The reference answers all questions, each level N at random.",
    )(function)
    return click.option(
        "--until-verdict",
        is_flag=True,
        help="Ask in rounds, each level until its verdict: as few questions as prove it.",
    )(function)


def rule(
    values: dict[str, Any], questions: QuestionSet
) -> tuple[QuestionSet, Callable[..., Outcome] | None]:
    """The questions in the order, and the sweep, of one that ends early; None for one that
    does not. Raises UsageError for what does not go together."""
    from ggufeval import stopping
    from ggufeval.tasks import rounds

    rule: Rule
    if values["until_verdict"] and values["budget"]:
        raise UsageError(
            "--until-verdict asks as many questions as a verdict takes, --budget as many as it "
            "says: give one of them."
        )
    if values["floor"] and (values["until_verdict"] or values["budget"]):
        raise UsageError(
            "--floor enters the verdicts of runs that are finished: leave it out where a run may "
            "end early."
        )
    if values["dequantize"] and (values["until_verdict"] or values["budget"]):
        raise UsageError(
            "--dequantize takes losses apart that finished runs have measured: leave it out where "
            "a run may end early."
        )
    if values["until_verdict"]:
        questions = rounds.until_verdict(questions, values["seed"])
        rule = stopping.UntilVerdict(values["margin"] / 100, values["alpha"])
    elif values["budget"]:
        questions = rounds.within_budget(questions, values["budget"], values["seed"])
        rule = stopping.Budget()
    else:
        return questions, None
    return questions, partial(stopping.sweep, rule=rule, reference=values["reference"])
