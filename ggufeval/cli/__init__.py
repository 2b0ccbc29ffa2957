"""The command line: it parses, wires and prints. One file a command; file name, command name."""

from __future__ import annotations

from ggufeval.cli._main import cli, main

__all__ = ["cli", "main"]
