from __future__ import annotations

from typing import Any

import click

from ggufeval.cli import _options


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@_options.questions
@_options.reading
@_options.engine
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="What is printed.",
)
@_options.db
@_options.offline
@_options.quiet
def estimate(models: tuple[str, ...], **values: Any) -> None:
    """Say how long `run` would take on this machine, and what memory and disk; do none of it.

    Takes the options of `run`. A file that is here is loaded once, since that counts too; its speed
    is that of an earlier run like it, else measured on a part of the questions, which takes a
    minute at most for a file.
    """
    from ggufeval import making
    from ggufeval.cli import _forecast, _models, _progress
    from ggufeval.forecast import forecast

    quiet = values["quiet"]
    say = _progress.say(quiet=quiet)
    options = _options.run_options(values)
    selections = _models.foresee(models, (), offline=values["offline"], quiet=quiet)
    questions = _options.load_questions(values | {"dry_run": True})
    for note in questions.notes:
        say(f"Note: {note}")
    _progress.tell_if_busy(say)
    with _forecast.stored(values["db"]) as store:
        found = forecast(
            making.levels(selections), questions, store, options, margin=0.0, alpha=0.0, say=say
        )
    _forecast.tell(found, values["format_name"])
