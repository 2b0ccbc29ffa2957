"""The options about written-out weights, and what they make of levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ggufeval.errors import UsageError

Function = TypeVar("Function", bound=Callable[..., Any])


def options(how: str) -> Callable[[Function], Function]:
    """`how` says what a command does with quantized levels."""

    def decorate(function: Function) -> Function:
        function = click.option(
            "--no-keep", is_flag=True, help="Delete written-out weights after their run."
        )(function)
        return click.option(
            "--dequantize",
            type=click.Choice(["f32", "f16"], case_sensitive=False),
            help=f"{how}: do these lose, or the arithmetic? f32 is exact.",
        )(function)

    return decorate


def check(values: dict[str, Any]) -> None:
    """Refuse what does not go together, before anything is fetched."""
    if values["no_keep"] and not values["dequantize"]:
        raise UsageError("--no-keep is about written-out weights: add --dequantize, or drop it.")
