"""`sweep --dry-run` and `estimate`: what is known beforehand, onto the screen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ggufeval.cli import _kld, _progress
from ggufeval.errors import UsageError

if TYPE_CHECKING:
    from ggufeval.making import Level
    from ggufeval.runner import Options
    from ggufeval.store import Store
    from ggufeval.types import Forecast, QuestionSet


@contextmanager
def stored(path: Path) -> Iterator[Store | None]:
    """The results database, which is not changed; None where nothing is there yet."""
    from ggufeval.store import Store

    if not path.exists() or (path.is_file() and not path.stat().st_size):
        yield None
        return
    with Store.open(path, read_only=True) as store:
        yield store


def note(values: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """What the forecast leaves out."""
    if values["until_verdict"] or values["budget"]:
        say(
            "Note: the forecast is that of whole runs; with an early end it "
            "is the most, but two models are in memory at a time."
        )
    if values["tune"]:
        say("Note: the forecast is without what --tune would choose: it tries that first.")
    more = [f"--{name}" for name in ("dequantize", "floor") if values[name]]
    if more:
        say(f"Note: what {' and '.join(more)} will run besides is not in the forecast.")


def show(
    levels: Sequence[Level],
    questions: QuestionSet,
    store: Store | None,
    options: Options,
    values: Mapping[str, Any],
) -> None:
    """Print the forecast. Leaves with status 1 where a level would fail."""
    from ggufeval.forecast import forecast

    say = _progress.say(quiet=values["quiet"])
    check_format(values["format_name"])
    _kld.tell(values, levels, questions, say)
    judging = {"margin": values["margin"] / 100, "alpha": values["alpha"]}
    found = forecast(levels, questions, store, options, **judging, say=say)
    tell(found, values["format_name"])


def check_format(name: str) -> None:
    from ggufeval.report import forecast as report

    if name not in report.FORMATS:
        raise UsageError(f"--format {name}: a dry run is told as {' or '.join(report.FORMATS)}.")


def tell(found: Forecast, format_name: str) -> None:
    """Print it. Leaves with status 1 where a level would fail."""
    from ggufeval.report import forecast as report

    click.echo(report.FORMATS[format_name](found, sys.stdout), nl=False)
    if any(level.trouble for level in found.levels):
        click.get_current_context().exit(1)
