from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ggufeval.cli import _options
from ggufeval.errors import UsageError

if TYPE_CHECKING:
    from ggufeval.catalog.entries import Entry
    from ggufeval.check import Finding
    from ggufeval.types import Agreement, PublishedScore, Run

WIDE = 0.1
"""In accuracy."""


@click.command()
@click.argument("model")
@click.option(
    "-m",
    "--model",
    "file",
    metavar="PATH",
    help="Your own file of that model, instead of the one that would be fetched.",
)
@_options.data
@_options.sampling
@_options.engine
@_options.db
@_options.offline
@_options.quiet
def check(model: str, file: str | None, **values: Any) -> None:
    """Does a model come out where it should? Under the conditions of a published figure.

    MODEL is a name that `ggufeval models` lists. All questions of the published figure are asked:
    for LLaMA 3.2 all of MMLU, hours on a laptop. `--limit 570` is a twenty-fifth, with a wider
    interval. Where the figure lies outside it, what usually is wrong is looked at. Leaves with
    status 1 then.
    """
    from ggufeval import check as house
    from ggufeval import making, sweep
    from ggufeval.catalog.entries import entry
    from ggufeval.cli import _models, _progress
    from ggufeval.stats.agreement import agreement
    from ggufeval.store import Store

    found = entry(model)
    published = _published(found)
    quiet = values["quiet"]
    say = _progress.say(quiet=quiet)
    conditions = {"prompt": published.prompt, "shots": published.shots, "subjects": ()}
    values |= conditions | {"task": None if values["data"] else published.task}
    options = _options.run_options(values)
    questions = _options.load_questions(values)
    if questions.task != published.task:
        raise UsageError(
            f"{model}: the figure was published for {published.task}; --data has questions of "
            f"{questions.task}."
        )
    for note in questions.notes:
        say(f"Note: {note}")
    name = f"{model}:{published.quantization}"
    selections = _models.resolve([file or name], (), offline=values["offline"], quiet=quiet)
    _progress.tell_if_busy(say)
    with Store.open(values["db"]) as store:
        progress = _progress.progress(quiet=quiet)
        levels = making.levels(selections)
        if len(levels) != 1:
            raise UsageError(f"{file}: one model was expected, and there are {len(levels)}.")
        outcome = sweep.sweep(levels, questions, store, options, progress=progress, say=say)
        if outcome.failures:
            raise outcome.failures[0].error
        result = store.result(outcome.runs[0].id)
    agrees = agreement(result, published)
    identity = house.identity(result, questions, published, found.parameters)
    _show(result.run, agrees)
    if not agrees.agrees:
        click.echo("\nWhat usually is wrong, looked at in this run:")
        _show_findings((*identity, *house.habits(result, questions, published)))
    elif wrong := tuple(finding for finding in identity if finding.is_wrong):
        click.echo("\nBut this is not what the figure is of:")
        _show_findings(wrong)
    if not agrees.agrees or any(finding.is_wrong for finding in identity):
        click.get_current_context().exit(1)


def _published(entry: Entry) -> PublishedScore:
    if not entry.published:
        raise UsageError(f"{entry.name}: no published figure is known to check against.")
    return entry.published[0]


def _show(run: Run, agreement: Agreement) -> None:
    from ggufeval.report.numerals import visible

    measured, published = agreement.measured, agreement.published
    click.echo(f"{visible(run.model.label)}, prompt {published.prompt}, {published.shots} shots,")
    click.echo(
        f"{agreement.n:,} of the {agreement.n_population:,} questions of {visible(run.task)}.\n"
    )
    click.echo(f"measured   {measured.value:6.2%}  {published.average}")
    click.echo(f"published  {published.accuracy:6.2%}  {published.source}")
    low, high = max(0.0, agreement.low), min(1.0, agreement.high)
    click.echo(
        f"expected   {low:.2%} to {high:.2%}: the measured figure's 95% interval on\n"
        f"           these questions, and {published.allowance * 100:.1f} points for "
        "another engine's arithmetic\n"
    )
    lies = "lies" if agreement.agrees else "does NOT lie"
    click.echo(f"The published figure {lies} where it should.")
    if agreement.high - agreement.low > WIDE:
        click.echo("The interval is wide: so few questions cannot tell much.")


def _show_findings(findings: tuple[Finding, ...]) -> None:
    from ggufeval.report.numerals import visible

    for finding in findings:
        mark = "!!" if finding.is_wrong else "ok"
        said = f"  {mark}  {visible(finding.text)}"
        click.echo(click.wrap_text(said, 80, "", " " * 6))
