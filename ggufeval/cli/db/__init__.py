from __future__ import annotations

import click

from ggufeval.cli._main import CommandFolder


@click.group(cls=CommandFolder, package=__name__)
def db() -> None:
    """The results database: is it whole, make it smaller, copy it while runs write."""
