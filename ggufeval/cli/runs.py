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
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("run", "model", "task", "prompt", "questions", "status", "created (UTC)"):
        table.add_column(name, overflow="fold", justify="right" if name == "questions" else "left")
    for run in found:
        table.add_row(
            run.id,
            Text(visible(run.model.label)),
            Text(visible(run.task)),
            f"{run.fingerprint.prompt_style}, {run.fingerprint.shots} shots",
            f"{run.n_done}/{run.n_questions}",
            run.status.value,
            run.created[:16].replace("T", " "),
        )
    Console(highlight=False).print(table)
