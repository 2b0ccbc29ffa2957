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
    required=True,
    help="Where to; .jsonl, .csv or .parquet.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    help="[default: by the file's ending]",
)
@_options.db
def export(runs: tuple[str, ...], output: Path, format_name: str | None, db: Path) -> None:
    """Write the records, one row a question. Without RUN, of those made last."""
    from ggufeval import api
    from ggufeval.export import export as write
    from ggufeval.store import Store

    with Store.open(db, read_only=True) as store:
        chosen = api.choose(store, runs)
        n_rows = write((store.result(run.id) for run in chosen), output, format_name)
    click.echo(f"{output}: {n_rows} records of {len(chosen)} runs")
