from __future__ import annotations

import os
from pathlib import Path

import click

from ggufeval.cli import _options
from ggufeval.errors import UsageError


@click.command()
@click.argument("model")
@click.argument("text", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("imatrix.gguf"),
    show_default=True,
    help="The importance matrix.",
)
@_options.threads
@_options.offline
@_options.quiet
def imatrix(  # noqa: PLR0917 - one for each option
    model: str, text: Path, output: Path, threads: int | None, offline: bool, quiet: bool
) -> None:
    """Compute the importance matrix of a model over a text, for `quantize --imatrix`.

    MODEL is a GGUF file, best in full precision, or NAME:QUANT. The text is read in chunks of 512
    tokens, on the CPU, as llama.cpp's llama-imatrix does it, and the file is of its format.
    """
    from ggufeval import making, runner
    from ggufeval.cli import _models, _progress
    from ggufeval.cli._steps import Steps
    from ggufeval.llama.client import ModelProcess

    levels = making.levels(_models.resolve([model], (), offline=offline, quiet=quiet))
    if len(levels) != 1:
        raise UsageError(f"{model}: one model file was expected, found {len(levels)}. Name one.")
    say = _progress.say(quiet=quiet)
    files = making.files_of(levels[0], threads, say)
    if not (output.parent.is_dir() and os.access(output.parent, os.W_OK)):
        raise UsageError(f"{output}: a folder where you may write was expected. Choose another.")
    with Steps(levels[0].label, "chunks", quiet=quiet) as steps, ModelProcess() as process:
        n_threads = threads or runner.physical_cores()
        process.imatrix(files.parts[0], text, output, n_threads, progress=steps.advance)
    click.echo(output)
