"""Write docs/cli.md from the commands' own help. `make test` checks that it is up to date."""

from __future__ import annotations

from pathlib import Path

import click

from ggufeval.cli import cli

TARGET = Path(__file__).parents[1] / "docs" / "cli.md"
WIDTH = 80


def document() -> str:
    """The whole page."""
    root = click.Context(
        cli,
        info_name="ggufeval",
        terminal_width=WIDTH,
        help_option_names=cli.context_settings["help_option_names"],
    )
    return "# Commands\n\nWritten by `python scripts/make_cli_docs.py`.\n\n" + _sections(root)


def _sections(context: click.Context) -> str:
    """A command's help, then that of its subcommands."""
    parts = [_section(context)]
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None  # noqa: S101 - the list names commands that are there
            inner = click.Context(command, info_name=name, parent=context, terminal_width=WIDTH)
            parts.append(_sections(inner))
    return "\n".join(parts)


def _section(context: click.Context) -> str:
    return f"## {context.command_path}\n\n```text\n{context.get_help()}\n```\n"


if __name__ == "__main__":
    TARGET.write_text(document(), encoding="utf-8")
