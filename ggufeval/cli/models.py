from __future__ import annotations

import click


def _line(quantization: str, size_bytes: int, where: object) -> str:
    return f"  {quantization:8} {size_bytes / 1e6:8,.1f} MB  {where}"


@click.command()
def models() -> None:
    """List the models of the catalogue and what is on the disk."""
    from ggufeval.catalog.cache import models_folder
    from ggufeval.catalog.resolve import installed

    for model in installed():
        entry = model.entry
        click.echo(f"{entry.name}  ({entry.title}, {entry.licence})")
        click.echo(f"  {entry.description}")
        where = model.path or "not on this disk"
        click.echo(_line(entry.quantization, entry.size_bytes, where))
        for level in model.levels:
            click.echo(_line(level.quantization, level.size_bytes, level.path))
        click.echo(f"  levels of a sweep: {', '.join(entry.levels)}\n")
    click.echo(f"Files are kept in {models_folder()} (GGUFEVAL_CACHE).")
