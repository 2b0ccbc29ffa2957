"""The options that ask for further scores: without defective questions, with weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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
