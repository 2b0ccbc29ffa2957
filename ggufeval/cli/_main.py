"""The group, and the edge where errors become messages and exit codes."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ggufeval import __version__
from ggufeval.errors import GgufevalError

INTERRUPTED = 130


class _Failure(click.ClickException):
    exit_code = GgufevalError.exit_code


@contextmanager
def edge() -> Iterator[None]:
    """Errors of ours as one sentence and their exit code; Ctrl-C as 130."""
    try:
        yield
    except GgufevalError as error:
        raise _Failure(str(error)) from error
    except BrokenPipeError:
        raise  # `| head` has seen enough; click leaves quietly
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise _Failure(f"{where}{error.strerror or error}") from error
    except KeyboardInterrupt:
        click.echo(
            "\nInterrupted. What is done is stored: repeat the command (without --force) to go on.",
            err=True,
        )
        raise click.exceptions.Exit(INTERRUPTED) from None


class CommandFolder(click.Group):
    """Commands are the modules beside this one, each with a click command of its own name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        package = importlib.import_module("ggufeval.cli")
        names = (module.name for module in pkgutil.iter_modules(package.__path__))
        return sorted(name for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"ggufeval.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        with edge():
            return super().invoke(ctx)


@click.group(
    cls=CommandFolder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="ggufeval")
def cli() -> None:
    """What does a GGUF quantization cost? MMLU through llama.cpp, compared question by question.

    Start with `ggufeval sweep`: it tries every part on a small model.
    """


def main() -> None:
    cli(prog_name="ggufeval")
