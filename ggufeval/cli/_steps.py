"""Progress of work on one file, step by step: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Never, Self

import click

from ggufeval.cli._progress import SECONDS_BETWEEN_LINES
from ggufeval.report import numerals

if TYPE_CHECKING:
    from tqdm import tqdm

_FORMAT = "{desc} |{bar}| {n_fmt}/{total_fmt} {unit}, {remaining} left"
_SHORTEST_NAME = 12


class Steps:
    """Appears with the first step. Use as a context manager."""

    def __init__(self, name: str, unit: str, *, quiet: bool) -> None:
        self._name = numerals.visible(name)
        self._unit = unit
        self._quiet = quiet
        self._bar: tqdm[Never] | None = None
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def advance(self, done: int, total: int) -> None:
        if self._quiet:
            return
        if sys.stderr.isatty():
            self._draw(done, total)
        elif time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            click.echo(f"{self._name}: {done} of {total} {self._unit}", err=True)

    def _draw(self, done: int, total: int) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(
                total=total, unit=self._unit, dynamic_ncols=True, bar_format=_FORMAT, leave=False
            )
            if not self._bar.disable:  # by TQDM_DISABLE
                numbers = f" |---| {total}/{total} {self._unit}, 00:00 left"
                room = max((self._bar.ncols or 80) - len(numbers), _SHORTEST_NAME)
                self._bar.set_description_str(numerals.clip(self._name, room))
        self._bar.update(done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
