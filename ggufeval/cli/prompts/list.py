from __future__ import annotations

import click


@click.command("list")
def list_() -> None:
    """List the styles that `--prompt` takes."""
    from ggufeval import prompts

    styles = prompts.styles()
    width = max(map(len, styles))
    for name in sorted(styles):
        click.echo(f"{name:{width}}  {styles[name].description}")
