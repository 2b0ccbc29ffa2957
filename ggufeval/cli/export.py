from __future__ import annotations

import os
from pathlib import Path

import click

from ggufeval.cli import _options


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option(
    "-o",
    "--output",
    required=True,
    help="Where to: .jsonl, .csv, .parquet, or a folder that ends in /.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["jsonl", "csv", "parquet", "datasets"]),
    help="[default: by the file's ending]",
)
@_options.db
def export(runs: tuple[str, ...], output: str, format_name: str | None, db: Path) -> None:
    """Write the records, one row an answer. Without RUN, of those made last.

    `datasets` is a folder that `datasets.load_dataset` loads: one file of Parquet a run, the runs,
    and a card.
    """
    from ggufeval import api
    from ggufeval.export import export as write
    from ggufeval.export import export_folder
    from ggufeval.store import Store

    with Store.open(db, read_only=True) as store:
        chosen = api.choose(store, runs)
        results = (store.result(run.id) for run in chosen)
        if format_name == "datasets" or (format_name is None and output.endswith(("/", os.sep))):
            n_rows = export_folder(results, Path(output))
        else:
            n_rows = write(results, Path(output), format_name)
    click.echo(f"{output}: {n_rows} records of {len(chosen)} runs")
