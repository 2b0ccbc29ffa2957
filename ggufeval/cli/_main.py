"""The group, and the edge where errors become messages and exit codes."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from ggufeval import __version__
from ggufeval.cli import _streams
from ggufeval.errors import GgufevalError

INTERRUPTED = 130


class _Failure(click.ClickException):
    exit_code = GgufevalError.exit_code

    def format_message(self) -> str:
        from ggufeval.report.numerals import visible

        said = visible(f"Error: {self.message}", keep="\n")
        return _streams.fit(said, sys.stderr).removeprefix("Error: ")


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
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would end in a traceback
        said = "Interrupted. What is done is stored: repeat the command (without --force) to go on."
        click.echo(_streams.fit(f"\n{said}", sys.stderr), err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


class CommandFolder(click.Group):
    """Commands are the modules of a package, each with a click command of the module's name."""

    def __init__(self, *args: Any, package: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._package = package

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        package = importlib.import_module(self._package)
        names = (module.name for module in pkgutil.iter_modules(package.__path__))
        return sorted(name for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{self._package}.{cmd_name}")
        commands = (value for value in vars(module).values() if isinstance(value, click.Command))
        return next(command for command in commands if command.name == cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from None

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with edge():  # `--help` is here, which loads every command
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        with edge():
            return super().invoke(ctx)


@click.group(
    cls=CommandFolder,
    package="ggufeval.cli",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="ggufeval")
def cli() -> None:
    """What does a GGUF quantization cost? MMLU through llama.cpp, compared question by question.

    Start with `ggufeval sweep`: it tries every part on a small model.
    """


def main() -> None:
    _streams.soften(sys.stdout)
    _streams.soften(sys.stderr)
    cli(prog_name="ggufeval")
