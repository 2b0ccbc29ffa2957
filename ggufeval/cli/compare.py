from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ggufeval.cli import _options, _views


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@_options.reference
@_options.judging
@click.option("--allow-mismatch", is_flag=True, help="Compare runs made under other conditions.")
@click.option(
    "--by",
    type=click.Choice(["subject", "category"]),
    help="Also inside each subject, or each of MMLU's four categories.",
)
@click.option("--chart", is_flag=True, help="Draw the differences below the table.")
@_views.options
@_options.table_format
@_options.db
def compare(runs: tuple[str, ...], *, chart: bool, format_name: str, db: Path, **how: Any) -> None:
    """Compare runs question by question. Without RUN, those made last.

    RUN is an id, or its beginning, from `ggufeval runs`.
    """
    from ggufeval import api
    from ggufeval.cli import _results
    from ggufeval.errors import UsageError

    if chart and format_name != "table":
        raise UsageError("--chart is drawn below the table: leave out --format.")
    found = api.compare(db, runs, **how)
    _results.show(format_name, found.comparison, found.results)
    if chart:
        _results.draw(found.comparison)
