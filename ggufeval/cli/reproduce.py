from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ggufeval.cli import _options


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where model files, and importance matrices, may be, beside the caches; they are known "
    "by their hash.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="About N answers of each run, in whole batches.  [default: all]",
)
@_options.data
@click.option(
    "--db",
    type=click.Path(path_type=Path),
    default=Path("results/reproduced.sqlite"),
    show_default=True,
    help="A results database of its own.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="What is printed.",
)
@_options.offline
@_options.quiet
def reproduce(bundle: Path, **values: Any) -> None:
    """Run a bundle's study again, and say what comes out otherwise, and why.

    Leaves with status 0 where every letter is the same, 1 where one is not or a run could not be
    run, 2 where the bundle is bad.
    """
    from ggufeval.bundle import telling
    from ggufeval.bundle.reproducing import Request
    from ggufeval.bundle.reproducing import reproduce as reproduced
    from ggufeval.cli import _progress

    quiet = values["quiet"]
    say = _progress.say(quiet=quiet)
    _progress.tell_if_busy(say)
    request = Request(
        db=values["db"],
        models=values["models"],
        data=values["data"],
        sample=values["sample"],
        offline=values["offline"],
        progress=_progress.progress(quiet=quiet),
        say=say,
    )
    _, found = reproduced(bundle, request)
    text = telling.reproduced_json(found) if values["format_name"] == "json" else None
    click.echo(text or telling.reproduced(found, sys.stdout), nl=False)
    say(f"Records: {values['db']}")
    if not all(one.agrees for one in found):
        click.get_current_context().exit(1)
