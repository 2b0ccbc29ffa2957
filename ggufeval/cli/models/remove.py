from __future__ import annotations

import click


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def remove(models: tuple[str, ...], *, yes: bool) -> None:
    """Delete models from the disk: MODEL or MODEL:QUANT. Asks first.

    Files that were given by their path are yours and are never touched; levels made from them are.
    """
    from ggufeval.catalog import disk
    from ggufeval.cli.models import _stored
    from ggufeval.report.numerals import visible

    found = _stored.find(models)
    for item in found:
        click.echo(f"{item.size_bytes / 1e6:10,.1f} MB  {visible(str(item.paths[0]))}", err=True)
    total = sum(item.size_bytes for item in found) / 1e6
    if not yes:
        click.confirm(f"Delete these {len(found)} ({total:,.1f} MB)?", abort=True, err=True)
    freed = sum(disk.remove(item) for item in found) / 1e6
    click.echo(f"Deleted {freed:,.1f} MB.", err=True)
