from __future__ import annotations

import sys
from typing import Any

import click

from ggufeval.cli import _options
from ggufeval.errors import UsageError


@click.command()
@click.argument("model")
@click.option("--rungs", metavar="LIST", help="Only these, as in 1,2,7 or 1-3.  [default: all]")
@_options.asked
@_options.shots
@_options.engine
@_options.report_file("ladder.html")
@_options.table_format
@_options.db
@_options.offline
@_options.quiet
def ladder(model: str, rungs: str | None, **values: Any) -> None:
    """Climb the original study's prompt settings: what of a score is knowledge, what format?

    Each of the eight rungs is run as the study decoded and read it, and once more under a grammar
    that lets through nothing but answers. MODEL is one level: a file, or NAME:QUANT. Interrupted,
    it goes on when the command is repeated.
    """
    from ggufeval import api, making, stats, sweep
    from ggufeval import ladder as house
    from ggufeval.cli import _models, _progress
    from ggufeval.llama.client import ModelProcess
    from ggufeval.report import ladder as reports
    from ggufeval.store import Store

    chosen = house.rungs(rungs)
    quiet = values["quiet"]
    say = _progress.say(quiet=quiet)
    options = _options.run_options(values)
    report_path = _options.report_path(values, "ladder.html")
    report_format = api.report_format(report_path, reports)
    selections = _models.resolve([model], (), offline=values["offline"], quiet=quiet)
    levels = making.levels(selections)
    if len(levels) != 1:
        raise UsageError(
            f"{model}: one level was expected, and there are {len(levels)}: "
            f"{', '.join(level.label for level in levels)}. Name one: its file, or NAME:QUANT."
        )
    questions = _options.load_questions(values)
    for note in questions.notes:
        say(f"Note: {note}")
    _progress.tell_if_busy(say)
    files = making.files_of(levels[0], options.n_threads, say)
    with Store.open(values["db"]) as store:
        progress = _progress.progress(quiet=quiet)
        found, failures, info = [], [], None
        for climbed in house.climb(
            files, questions, store, options, chosen, progress=progress, say=say
        ):
            free, constrained = (
                None if run is None else store.result(run.id)
                for run in (climbed.free, climbed.constrained)
            )
            for result in filter(None, (free, constrained)):
                info = result.run.model
            reason = climbed.unavailable
            if climbed.failure is not None:
                reason = f"it failed: {climbed.failure}"
                failures.append(sweep.Failure(f"rung {climbed.rung.number}", climbed.failure))
            found.append(stats.rung_result(climbed.rung, climbed.style, free, constrained, reason))
    if info is None:
        with ModelProcess() as process:
            info = process.info(files.parts, files.sha256)
    the_ladder = stats.ladder(info, found, questions)
    click.echo(reports.render(values["format_name"], the_ladder, sys.stdout), nl=False)
    text = reports.render(report_format, the_ladder)
    api.write(report_path, text, "the same command writes them without running anything")
    say(f"\nReport: {report_path}")
    say(f"Records: {values['db']}")
    if failures:
        _progress.tell_failures(failures)
        click.get_current_context().exit(1)
