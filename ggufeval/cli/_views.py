"""The options that ask for further scores: without defective questions, with weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ggufeval.types import Labels, Weights

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--redux",
        metavar="hub|FILE",
        help="Also without the questions that MMLU-Redux marks as defective.",
    ),
    click.option(
        "--weights",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Also with your weights of the questions, or of the subjects.",
    ),
)


def options(function: Function) -> Function:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def read(redux: str | None, weights: Path | None) -> list[Labels | Weights]:
    """What the options ask for. Raises as `tasks.redux.load` and `tasks.weights.load` do."""
    from ggufeval.tasks import redux as labels
    from ggufeval.tasks import weights as table

    found: list[Labels | Weights] = []
    if redux is not None:
        found.append(labels.load(redux))
    if weights is not None:
        found.append(table.load(weights))
    return found
