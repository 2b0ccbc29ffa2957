from __future__ import annotations

import click

from ggufeval.cli._main import CommandFolder


@click.group(cls=CommandFolder, package=__name__, invoke_without_command=True)
@click.pass_context
def prompts(ctx: click.Context) -> None:
    """Prompt styles: which there are, and what exactly is sent.

    Without COMMAND, the list.
    """
    if ctx.invoked_subcommand is None:
        from ggufeval.cli.prompts.list import list_

        ctx.invoke(list_)
