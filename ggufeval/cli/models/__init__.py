from __future__ import annotations

import click

from ggufeval.cli._main import CommandFolder


@click.group(cls=CommandFolder, package=__name__, invoke_without_command=True)
@click.pass_context
def models(ctx: click.Context) -> None:
    """Models: what there is, where it is, what a file says of itself.

    Without COMMAND, the list.
    """
    if ctx.invoked_subcommand is None:
        from ggufeval.cli.models.list import list_

        ctx.invoke(list_)
