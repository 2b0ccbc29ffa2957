from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="What is printed.",
)
def verify(bundle: Path, format_name: str) -> None:
    """Is a bundle whole? Every hash, every record, every accuracy; nothing is run.

    Leaves with status 2 where it is not, and says what is wrong.
    """
    from ggufeval.bundle import telling
    from ggufeval.bundle.verifying import verify as verified

    found = verified(bundle)
    text = telling.verified_json(found) if format_name == "json" else None
    click.echo(text or telling.verified(found, sys.stdout), nl=False)
