from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ggufeval.cli import _options
from ggufeval.errors import UsageError

if TYPE_CHECKING:
    from ggufeval.catalog.entries import Entry
    from ggufeval.check import Finding
    from ggufeval.types import Agreement, PublishedScore, Run


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
    from ggufeval import sweep
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
    name = f"{model}:{published.quantization}"
    selections = _models.resolve([file or name], (), offline=values["offline"], quiet=quiet)
    _progress.tell_if_busy(say)
    with Store.open(values["db"]) as store:
        progress = _progress.progress(quiet=quiet)
        (level,) = sweep.levels(selections)
        outcome = sweep.sweep([level], questions, store, options, progress=progress, say=say)
        if outcome.failures:
            raise outcome.failures[0].error
        result = store.result(outcome.runs[0].id)
    agrees = agreement(result, published)
    _show(result.run, agrees)
    if not agrees.agrees:
        _show_findings(house.findings(result, questions, agrees, found.parameters))
        click.get_current_context().exit(1)


def _published(entry: Entry) -> PublishedScore:
    if not entry.published:
        raise UsageError(f"{entry.name}: no published figure is known to check against.")
    return entry.published[0]


def _show(run: Run, agreement: Agreement) -> None:
    measured, published = agreement.measured, agreement.published
    click.echo(f"{run.model.label}, prompt {published.prompt}, {published.shots} shots,")
    click.echo(f"{agreement.n:,} of the {agreement.n_population:,} questions of {run.task}.\n")
    click.echo(f"measured   {measured.value:6.2%}  {published.average}")
    click.echo(f"published  {published.accuracy:6.2%}  {published.source}")
    click.echo(
        f"expected   {agreement.low:.2%} to {agreement.high:.2%}: the measured figure's 95% "
        f"interval on\n           these questions, and {published.allowance * 100:.1f} points for "
        "another engine's arithmetic\n"
    )
    lies = "lies" if agreement.agrees else "does NOT lie"
    click.echo(f"The published figure {lies} where it should.")


def _show_findings(findings: tuple[Finding, ...]) -> None:
    click.echo("\nWhat usually is wrong, looked at in this run:")
    for finding in findings:
        click.echo(f"  {'!!' if finding.is_wrong else 'ok'}  {finding.text}")
