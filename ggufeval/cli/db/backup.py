from __future__ import annotations

from pathlib import Path

import click

from ggufeval.cli import _options


@click.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@_options.db
def backup(target: Path, db: Path) -> None:
    """Copy the database to the file TARGET, as it is at this moment, also while a run writes.

    Copying the file itself would miss what stands in the one beside it, `-wal`.
    """
    from ggufeval.report import numerals
    from ggufeval.store import upkeep

    n_bytes = upkeep.backup(db, target)
    click.echo(f"{numerals.visible(str(target))}: {numerals.size(n_bytes)}, whole.")
