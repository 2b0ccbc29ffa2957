"""Results onto the screen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ggufeval.api import Compared
    from ggufeval.store import Store
    from ggufeval.types import Comparison, Run, RunResult


def show(format_name: str, comparison: Comparison, results: Sequence[RunResult]) -> None:
    from ggufeval import report

    click.echo(report.render(format_name, comparison, results, sys.stdout), nl=False)


def tell(found: Compared, report: Path, values: Mapping[str, Any]) -> None:
    """A comparison's tables on stdout, and its report as a file."""
    from ggufeval.cli._progress import say

    told = say(quiet=values["quiet"])
    show(values["format_name"], found.comparison, found.results)
    path, *charts = found.write(report)
    told(f"\nReport: {path}")
    if charts:
        told(f"Charts: {charts[0].parent}")


def draw(comparison: Comparison) -> None:
    """The main chart, on stdout."""
    from ggufeval.report import bars

    click.echo(f"\n{bars.render(comparison, sys.stdout)}", nl=False)


def tell_replications(
    store: Store,
    runs: Sequence[Run],
    recorded: Mapping[str, int | None],
) -> None:
    """How each run compares with the answers that its questions brought along, if they did.

    A result, and so told where quiet was asked for too; on stderr, since `run`'s output is ids and
    `sweep`'s one document.
    """
    if not recorded:
        return
    from ggufeval.cli._progress import say
    from ggufeval.report import sentences
    from ggufeval.stats.replication import replication

    told = say(quiet=False)
    for run in runs:
        told(sentences.replication(run.model.label, replication(store.result(run.id), recorded)))
