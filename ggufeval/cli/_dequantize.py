"""The options about written-out weights, and what they make of levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ggufeval.errors import UsageError

if TYPE_CHECKING:
    from ggufeval.sweep import Level

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


def levels(
    values: dict[str, Any],
    found: tuple[Level, ...],
    say: Callable[[str], None],
    *,
    beside: bool,
) -> tuple[Level, ...]:
    """The levels as the options want them: see `sweep.with_written_out`."""
    from ggufeval import sweep

    if not values["dequantize"]:
        return found
    kind = values["dequantize"].upper()
    chosen = sweep.with_written_out(found, kind, beside=beside, kept=not values["no_keep"])
    if kind == "F16" and any(level.written_out for level in chosen):
        say("Note: F16 rounds the weights once more as they are written out; f32 is exact.")
    return chosen
