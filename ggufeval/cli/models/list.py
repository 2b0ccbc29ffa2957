from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ggufeval.catalog.disk import Stored


def _line(item: Stored) -> str:
    from ggufeval.report.numerals import visible

    made = "  (made here)" if item.is_made else ""
    path = visible(str(item.paths[0]))
    return f"  {item.quantization:8} {item.size_bytes / 1e6:8,.1f} MB  {path}{made}"


@click.command("list")
def list_() -> None:
    """List the models of the catalogue, and all that is on the disk."""
    from ggufeval.catalog import disk, hub
    from ggufeval.catalog.cache import models_folder
    from ggufeval.catalog.entries import entries

    stored = disk.stored()
    catalogue = entries()
    for entry in catalogue:
        click.echo(f"{entry.name}  ({entry.title}, {entry.licence})")
        click.echo(f"  {entry.description}")
        click.echo(f"  levels of a sweep: {', '.join(entry.levels)}")
        lines = [_line(item) for item in stored if item.model == entry.name]
        click.echo("\n".join(lines or ["  not on this disk"]) + "\n")
    named = {entry.name for entry in catalogue}
    others = [item for item in stored if item.model not in named]
    for model in dict.fromkeys(item.model for item in others):
        click.echo(model)
        click.echo("\n".join(_line(item) for item in others if item.model == model) + "\n")
    click.echo(f"Files are in {models_folder()} (GGUFEVAL_CACHE)\nand in {hub.cache()} (HF_HOME).")
