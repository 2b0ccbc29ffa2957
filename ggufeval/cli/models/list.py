from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ggufeval.catalog.disk import Stored


def _line(item: Stored) -> str:
    from ggufeval.report.numerals import visible

    name = visible(item.paths[0].name)
    parts = f"  (+{len(item.paths) - 1} parts)" if item.paths[1:] else ""
    made = "  (made here)" if item.is_made else ""
    return f"  {item.quantization:8} {item.size_bytes / 1e6:8,.1f} MB  {name}{parts}{made}"


def _lines(items: Sequence[Stored]) -> list[str]:
    """The files of each folder, and below them the folder."""
    lines = []
    for folder in dict.fromkeys(item.paths[0].parent for item in items):
        lines += [_line(item) for item in items if item.paths[0].parent == folder]
        lines.append(f"  in {_short(folder)}")
    return lines


def _short(folder: Path) -> str:
    from ggufeval.report.numerals import visible

    with suppress(ValueError, RuntimeError):  # elsewhere; nobody's home
        folder = "~" / folder.relative_to(Path.home())
    return visible(str(folder))


@click.command("list")
def list_() -> None:
    """List the models of the catalogue, and all that is on the disk."""
    from ggufeval.catalog import disk, hub
    from ggufeval.catalog.cache import models_folder
    from ggufeval.catalog.entries import entries
    from ggufeval.report.numerals import visible

    stored = disk.stored()
    catalogue = entries()
    for entry in catalogue:
        click.echo(f"{entry.name}  ({entry.title}, {entry.licence})")
        click.echo(f"  {entry.description}")
        click.echo(f"  levels of a sweep: {', '.join(entry.levels)}")
        lines = _lines([item for item in stored if item.model == entry.name])
        click.echo("\n".join(lines or ["  not on this disk"]) + "\n")
    named = {entry.name for entry in catalogue}
    others = [item for item in stored if item.model not in named]
    for model in dict.fromkeys(item.model for item in others):
        click.echo(visible(model))
        lines = _lines([item for item in others if item.model == model])
        click.echo("\n".join(lines) + "\n")
    click.echo(f"Files are in {models_folder()} (GGUFEVAL_CACHE)\nand in {hub.cache()} (HF_HOME).")
