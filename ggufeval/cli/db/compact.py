from __future__ import annotations

from pathlib import Path

import click

from ggufeval.cli import _options


@click.command()
@_options.db
def compact(db: Path) -> None:
    """Give back the room that removed runs have left.

    Takes as much free disk as the file has, twice, for as long as it lasts.
    """
    from ggufeval.report import numerals
    from ggufeval.store import upkeep

    before, after = upkeep.compact(db)
    sizes = f"{numerals.size(before)} before, {numerals.size(after)} now"
    click.echo(f"{numerals.visible(str(db))}: {sizes}.")
