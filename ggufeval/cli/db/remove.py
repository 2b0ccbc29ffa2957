from __future__ import annotations

from pathlib import Path

import click

from ggufeval.cli import _options


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@_options.db
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def remove(runs: tuple[str, ...], db: Path, *, yes: bool) -> None:
    """Delete runs and their answers. Asks first.

    RUN is an id, or the beginning of one, as `ggufeval runs` lists them.
    """
    from ggufeval.report.numerals import visible
    from ggufeval.store import Store

    with Store.open(db) as store:
        found = list({run.id: run for run in map(store.run, runs)}.values())
        for run in found:
            click.echo(
                f"{run.id}  {run.n_done:,} of {run.n_questions:,} answers  "
                f"{visible(run.model.label)}",
                err=True,
            )
        if not yes:
            answers = sum(run.n_done for run in found)
            click.confirm(f"Delete these {len(found)} ({answers:,} answers)?", abort=True, err=True)
        for run in found:
            store.delete(run.id)
    click.echo("Deleted. `ggufeval db compact` gives their room back to the disk.", err=True)
