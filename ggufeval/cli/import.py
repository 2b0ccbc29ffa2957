from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ggufeval.cli import _options

if TYPE_CHECKING:
    from ggufeval.imports import Stored
    from ggufeval.types import Question

_HUB = Path("hub")


@click.command("import")
@click.argument(
    "paths", nargs=-1, required=True, metavar="FILE|FOLDER...", type=click.Path(path_type=Path)
)
@click.option("--label", metavar="NAME", default="", help="The model's name in tables.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="hub|FOLDER",
    help="Find the questions in MMLU too.  [default: in the runs that are stored]",
)
@click.option("--filter", "filter_name", metavar="NAME", help="Of several readings of texts, this.")
@_options.offline
@_options.db
def import_(
    paths: tuple[Path, ...],
    *,
    label: str,
    data: Path | None,
    filter_name: str | None,
    offline: bool,
    db: Path,
) -> None:
    """Import the records of other tools, to compare with ours question by question.

    Reads samples_mmlu_*.jsonl of lm-evaluation-harness (--log_samples, 0.4) and logs of inspect
    (.eval, .json). Prints the id of each run. Questions are known by their texts; `compare` says
    how the conditions differ, and wants --allow-mismatch.
    """
    from ggufeval import imports
    from ggufeval.cli import _progress
    from ggufeval.errors import UsageError
    from ggufeval.store import Store

    say = _progress.say(quiet=False)
    logs, skipped = imports.read(paths, filter_name)
    if label and len(logs) > 1:
        raise UsageError(
            f"--label {label!r}: one run was expected, these files are {len(logs)}: "
            f"{'; '.join(log.source for log in logs)}. Import them one by one."
        )
    more = _questions(data, offline=offline)
    for note in (*skipped, *(note for log in logs for note in log.notes)):
        say(f"Note: {note}")
    command = shlex.join(["ggufeval", *sys.argv[1:]])
    with Store.open(db) as store:
        known = [*([more] if more else []), *imports.known(store)]
        for log in logs:
            stored = imports.put(store, log, known, label, command)
            say(_told(stored))
            click.echo(stored.run.id)


def _questions(data: Path | None, *, offline: bool) -> tuple[Question, ...]:
    if data is None:
        return ()
    from ggufeval import tasks

    folder = None if data == _HUB else data
    return tasks.load("mmlu", folder, shots=0, offline=offline).questions


def _told(stored: Stored) -> str:
    run, matched = stored.run, stored.matched
    n = len(matched.questions)
    what = f"{run.model.label}, {run.fingerprint.tool}"
    if not stored.is_new:
        return f"{what}: the same records are stored already, as run {run.id}."
    said = f"{what}: {n:,} answers, {matched.n_known:,} of them to questions that are known here."
    if matched.n_other_gold:
        said += f" {matched.n_other_gold:,} have another right answer here, and are not paired."
    if not matched.n_known:
        said += " To pair them with MMLU's: --data hub, or evaluate something first."
    if stored.replaced:
        said += f" The run {stored.replaced} of the same records is replaced."
    return said
