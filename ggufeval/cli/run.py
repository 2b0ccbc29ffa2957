from __future__ import annotations

from typing import Any

import click

from ggufeval.cli import _dequantize, _kld, _options


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@_dequantize.options("Quantized files with their weights written out")
@_options.questions
@_options.reading
@_options.engine
@_options.tune
@_options.floor
@_kld.option
@_options.db
@_options.offline
@_options.quiet
def run(models: tuple[str, ...], **values: Any) -> None:
    """Evaluate model files as they are, or levels as NAME:QUANT, and store the records.

    Prints the id of each run. `ggufeval compare` compares them.
    """
    from ggufeval import api, making
    from ggufeval.cli import _models, _progress, _results
    from ggufeval.store import Store

    quiet = values["quiet"]
    say = _progress.say(quiet=quiet)
    options = _options.run_options(values)
    _dequantize.check(values)
    selections = _models.resolve(models, (), offline=values["offline"], quiet=quiet)
    questions = _options.load_questions(values)
    for note in questions.notes:
        say(f"Note: {note}")
    _progress.tell_if_busy(say)
    levels = making.levels(selections)
    _kld.tell(values, levels, questions, say)
    outcome = api.evaluated(
        levels,
        questions,
        options,
        db=values["db"],
        dequantize=values["dequantize"] or "",
        keep=not values["no_keep"],
        floor=values["floor"] or 0,
        progress=_progress.progress(quiet=quiet),
        say=say,
    )
    with Store.open(values["db"], read_only=True) as store:
        _results.tell_replications(store, outcome.runs, questions.recorded)
    for done in outcome.runs:
        click.echo(done.id)
    if not outcome.runs:
        _progress.tell_failures(outcome.failures[1:])
        raise outcome.failures[0].error
    say(f"Compare with: ggufeval compare {' '.join(done.id for done in outcome.runs)}")
    _progress.tell_failures(outcome.failures)
    if outcome.failures:
        click.get_current_context().exit(1)
