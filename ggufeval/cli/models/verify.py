from __future__ import annotations

import click


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
def verify(models: tuple[str, ...]) -> None:
    """Hash what is on the disk, and compare with what was published.

    Without MODEL, everything. Levels that were made here have no published hash: for them it is
    checked that the file is whole. Leaves with status 1 where something is damaged.
    """
    from ggufeval.catalog import disk
    from ggufeval.catalog.files import check_gguf, file_sha256
    from ggufeval.cli.models import _stored
    from ggufeval.errors import ModelError
    from ggufeval.llama.client import ModelProcess
    from ggufeval.report.numerals import visible

    damaged = 0
    for item in _stored.find(models) if models else disk.stored():
        path = item.paths[0]
        try:
            if any(item.sha256):
                file_sha256(path, item.sha256)
            for part in item.paths:
                check_gguf(part)
            with ModelProcess() as process:
                process.info(item.paths)
        except ModelError as error:
            damaged += 1
            click.echo(f"damaged  {visible(str(error))}")
        else:
            state = "verified" if any(item.sha256) else "whole"
            click.echo(f"{state:8} {visible(str(path))}")
    if damaged:
        click.get_current_context().exit(1)
