from __future__ import annotations

import click


@click.command()
def models() -> None:
    """List the models of the catalogue, and what of them is on the disk."""
    from ggufeval.catalog.cache import models_folder
    from ggufeval.catalog.resolve import installed

    for model in installed():
        entry = model.entry
        click.echo(f"{entry.name}  ({entry.title}, {entry.licence})")
        click.echo(f"  {entry.description}")
        if model.path is None:
            click.echo(
                f"  not on this disk; {entry.quantization}, {entry.size_bytes / 1e6:,.0f} MB"
            )
        else:
            click.echo(f"  {entry.quantization:8} {entry.size_bytes / 1e6:8,.1f} MB  {model.path}")
        for level in model.levels:
            click.echo(f"  {level.quantization:8} {level.size_bytes / 1e6:8,.1f} MB  {level.path}")
        click.echo(f"  levels of a sweep: {', '.join(entry.levels)}\n")
    click.echo(f"Files are kept in {models_folder()} (GGUFEVAL_CACHE).")
