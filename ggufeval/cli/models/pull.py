from __future__ import annotations

import click

from ggufeval.cli import _options, _streams


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@_options.quants
@_options.offline
@_options.quiet
def pull(models: tuple[str, ...], quants: str | None, *, offline: bool, quiet: bool) -> None:
    """Fetch models, and print where they are.

    MODEL is a name that `ggufeval models` lists, or OWNER/REPO on the Hugging Face hub, with :QUANT
    for one level. Interrupted, it goes on when the command is repeated.
    """
    from ggufeval.cli import _models

    wanted = _options.quantizations(quants)
    for selection in _models.resolve(models, wanted, offline=offline, quiet=quiet):
        for source in selection.sources:
            click.echo("\n".join(map(_streams.path, source.parts)))
