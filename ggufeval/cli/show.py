from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ggufeval.cli import _options, _streams


@click.command()
@click.argument("run")
@click.option("--question", metavar="ID", help="One question's text, and how this run answered.")
@_options.db
def show(run: str, question: str | None, db: Path) -> None:
    """Show a run and its conditions, or one question of it."""
    from ggufeval.errors import UsageError
    from ggufeval.report.numerals import visible
    from ggufeval.store import Store
    from ggufeval.types import LETTERS

    with Store.open(db, read_only=True) as store:
        result = store.result(run)
    if question is None:
        facts = {
            "id": result.run.id,
            "status": result.run.status.value,
            "questions": f"{result.run.n_done} of {result.run.n_questions}",
            "task": result.run.task,
            "source": result.run.source,
            "command": result.run.command,
            "created": result.run.created,
            "seconds": round(result.run.seconds, 1),
            "tokens": result.run.n_tokens,
            "peak memory": f"{result.run.peak_rss_bytes / 1e6:,.0f} MB",
            "model": result.run.model.label,
            "path": result.run.model.path,
            "bits per weight": round(result.run.model.bits_per_weight, 3),
        }
        for name, value in facts.items():
            click.echo(f"{name:16} {visible(str(value))}")
        click.echo("\nfingerprint")
        click.echo(json.dumps(json.loads(result.run.fingerprint.to_json()), indent=2))
        return
    asked = next((q for q in result.questions if q.id == question), None)
    record = next((r for r in result.records if r.question_id == question), None)
    if asked is None or record is None:
        raise UsageError(f"run {result.run.id} has no answer to a question {question!r}.")
    stem = visible(asked.stem, keep="\n")
    click.echo(f"{visible(asked.id)}\n\n{_streams.fit(stem, sys.stdout)}")
    for i, choice in enumerate(asked.choices):
        mark = ("*" if i == asked.answer else " ") + (">" if i == record.letter else " ")
        logprob = record.letter_logprobs[i]
        click.echo(f"{mark} {LETTERS[i]}. {visible(choice)}   (log p {logprob:.3f})")
    click.echo("\n* the right one   > the model's answer")
