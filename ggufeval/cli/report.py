from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ggufeval.cli import _options, _views

if TYPE_CHECKING:
    from ggufeval.types import Comparison, RunResult


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
@_options.reference
@_options.judging
@_views.options
@click.option("--allow-mismatch", is_flag=True, help="Compare runs made under other conditions.")
@_options.db
def report(
    runs: tuple[str, ...],
    output: Path,
    charts: Path | None,
    reference: str | None,
    *,
    by: str | None,
    margin: float,
    alpha: float,
    redux: str | None,
    weights: Path | None,
    allow_mismatch: bool,
    db: Path,
) -> None:
    """Write a report of runs. Without RUN, of those made last."""
    from ggufeval.cli import _results

    kind = _results.report_format(output)  # a wrong ending is refused before anything is read
    if kind == "md":
        charts = charts or output.with_name(f"{output.stem}-charts")
    views = _views.read(redux, weights)

    def compared(by: str) -> tuple[Comparison, list[RunResult]]:
        return _results.stored(
            db,
            runs,
            reference,
            margin=margin,
            alpha=alpha,
            by=by,
            allow_mismatch=allow_mismatch,
            views=views,
        )

    comparison, results = compared(by or ("auto" if kind == "html" else ""))
    # A table has groups only where they were asked for; among charts they are one of many.
    pictured = compared(by or "auto")[0] if charts and kind != "html" else comparison
    links = _results.links(charts, output, pictured) if kind == "md" and charts else ""
    _results.write_report(output, comparison, results, links)
    click.echo(output)
    if charts:
        click.echo(f"{charts}: {_results.write_charts(charts, pictured)} files")
