from __future__ import annotations

import click

from ggufeval.cli import _options


@click.command()
@click.argument("source")
@click.option("--to", "quants", metavar="LIST", required=True, help="Levels: Q8_0,Q4_K_M,...")
@_options.threads
@_options.offline
@_options.quiet
def quantize(source: str, quants: str, threads: int | None, *, offline: bool, quiet: bool) -> None:
    """Make levels of a model with llama.cpp's quantizer.

    They are kept in the cache, and their paths are printed. A level made from a file that is
    itself quantized says so in its metadata, and everywhere it is shown.
    """
    from ggufeval import sweep as house
    from ggufeval.cli import _models, _progress

    selections = _models.resolve([source], _options.names(quants), offline=offline, quiet=quiet)
    say = _progress.say(quiet=quiet)
    for level in house.levels(selections):
        for path in house.files_of(level, threads, say).parts:
            click.echo(path)
