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
    parts = ["# Commands\n\nWritten by `python scripts/make_cli_docs.py`.\n", _section(root)]
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        assert command is not None  # noqa: S101 - the list names commands that are there
        context = click.Context(command, info_name=name, parent=root, terminal_width=WIDTH)
        parts.append(_section(context))
    return "\n".join(parts)


def _section(context: click.Context) -> str:
    return f"## {context.command_path}\n\n```text\n{context.get_help()}\n```\n"


if __name__ == "__main__":
    TARGET.write_text(document(), encoding="utf-8")
