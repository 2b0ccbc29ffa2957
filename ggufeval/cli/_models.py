"""From MODEL arguments to model files on the disk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Never, Self

import click

from ggufeval.cli._progress import say
from ggufeval.report import numerals

if TYPE_CHECKING:
    from tqdm import tqdm

    from ggufeval.catalog.resolve import Selection


def resolve(
    models: Sequence[str],
    quantizations: Sequence[str] | None,
    *,
    offline: bool,
    quiet: bool,
) -> list[Selection]:
    """What each name means at these levels. What is fetched shows its progress.

    None for the levels takes those that suit a model of the catalogue.
    """
    from ggufeval import making
    from ggufeval.catalog.resolve import Request
    from ggufeval.catalog.resolve import resolve as resolve_one

    found = []
    for model in models:
        with _Download(model, quiet=quiet) as download:
            request = Request(
                quantizations if quantizations is None else tuple(quantizations),
                makeable=making.quantizations(),
                offline=offline,
                progress=download.advance,
                say=say(quiet=quiet),
            )
            found.append(resolve_one(model, request))
    return found


def foresee(
    models: Sequence[str],
    quantizations: Sequence[str] | None,
    *,
    offline: bool,
    quiet: bool,
) -> list[Selection]:
    """As `resolve`, but nothing is fetched: sources that are not here say what they lack."""
    from ggufeval import making
    from ggufeval.catalog.resolve import Request
    from ggufeval.catalog.resolve import resolve as resolve_one

    request = Request(
        quantizations if quantizations is None else tuple(quantizations),
        makeable=making.quantizations(),
        offline=offline,
        fetch=False,
        say=say(quiet=quiet),
    )
    return [resolve_one(model, request) for model in models]


_FORMAT = "{desc} |{bar}| {n_fmt}/{total_fmt}, {remaining} left, {rate_fmt}"
_NUMBERS = len(" |---| 0.00G/0.00G, 00:00:00 left, 00.0MB/s")
_SHORTEST_NAME = 12


class _Download:
    """A bar that appears when something is fetched. tqdm would cut its numbers, not the name."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        self._name = numerals.visible(name)
        self._quiet = quiet
        self._bar: tqdm[Never] | None = None

    def __enter__(self) -> Self:
        return self

    def advance(self, done: int, total: int) -> None:
        from tqdm import tqdm

        if self._bar is None:
            if not (self._quiet or sys.stderr.isatty()):
                click.echo(f"Fetching {self._name} ({total / 1e6:,.0f} MB) ...", err=True)
            self._bar = tqdm(
                total=total,
                initial=done,  # what was there already is no speed
                unit="B",
                unit_scale=True,
                dynamic_ncols=True,
                bar_format=_FORMAT,
                disable=True if self._quiet else None,  # None: no terminal
            )
            if not self._bar.disable:
                room = max((self._bar.ncols or 80) - _NUMBERS, _SHORTEST_NAME)
                name = self._name.rpartition("/")[2]
                self._bar.set_description_str(numerals.clip(name, room))
        self._bar.update(done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
