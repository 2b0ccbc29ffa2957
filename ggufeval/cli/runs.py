from __future__ import annotations

from pathlib import Path

import click

from ggufeval.cli import _options


@click.command()
@_options.db
def runs(db: Path) -> None:
    """List the runs in the database, the newest first."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ggufeval.report.numerals import visible
    from ggufeval.store import Store

    with Store.open(db, read_only=True) as store:
        found = store.runs()
    table = Table(box=box.HORIZONTALS, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("run", "model", "task", "prompt", "answers", "created"):
        table.add_column(name, overflow="fold", no_wrap=name != "model")
    for run in found:
        table.add_row(
            run.id,
            Text(visible(run.model.label)),
            Text(visible(run.task)),
            f"{run.fingerprint.prompt_style}/{run.fingerprint.shots}",
            f"{run.n_done}" if run.n_done == run.n_questions else f"{run.n_done}/{run.n_questions}",
            run.created[:10],
        )
    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))
