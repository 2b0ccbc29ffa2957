from __future__ import annotations

from pathlib import Path

import click

from ggufeval.cli import _options


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
@_options.reference
@_options.judging
@click.option("--allow-mismatch", is_flag=True, help="Compare runs made under other conditions.")
@_options.db
def report(
    runs: tuple[str, ...],
    output: Path,
    reference: str | None,
    *,
    margin: float,
    alpha: float,
    allow_mismatch: bool,
    db: Path,
) -> None:
    """Write a report of runs. Without RUN, of those made last."""
    from ggufeval.cli import _results

    _results.report_format(output)  # a wrong ending is refused before anything is read
    comparison, results = _results.stored(
        db, runs, reference, margin=margin, alpha=alpha, allow_mismatch=allow_mismatch
    )
    _results.write_report(output, comparison, results)
    click.echo(output)
