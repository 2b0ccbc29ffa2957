from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Any

import click

from ggufeval.cli import _options, _views


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("results/report.html"),
    show_default=True,
    help="Where to; .html, .md, .json or .csv.",
)
@click.option(
    "--charts",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Also write every chart there, as SVG and PNG.",
)
@click.option(
    "--by",
    type=click.Choice(["subject", "category"]),
    help="Differences inside each subject, or each of MMLU's four categories.  [default: in pages "
    "and charts, what suits]",
)
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
@_options.reference
@_options.judging
@_views.options
@click.option("--allow-mismatch", is_flag=True, help="Compare runs made under other conditions.")
@_options.db
def report(
    runs: tuple[str, ...],
    output: Path,
    charts: Path | None,
    *,
    opened: bool,
    db: Path,
    **how: Any,
) -> None:
    """Write a report of runs. Without RUN, of those made last."""
    from ggufeval import api

    api.report_format(output)  # a wrong ending is refused before anything is read
    found = api.compare(db, runs, **how)
    path, *drawn = found.write(output, charts)
    click.echo(path)
    if drawn:
        click.echo(f"{drawn[0].parent}: {len(drawn)} files")
    if opened and not webbrowser.open(path.resolve().as_uri()):
        click.echo("No browser was found: open the file yourself.", err=True)
