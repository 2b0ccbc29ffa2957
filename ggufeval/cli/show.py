from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ggufeval.cli import _options, _streams

if TYPE_CHECKING:
    from ggufeval.types import Question, Record, Run, RunResult


@click.command()
@click.argument("run")
@click.option("--question", metavar="ID", help="One question's text, and how this run answered.")
@click.option("--prompt", is_flag=True, help="Of that question, exactly what was sent.")
@_options.db
def show(run: str, question: str | None, prompt: bool, db: Path) -> None:
    """Show a run and its conditions, or one question of it."""
    from ggufeval.errors import UsageError
    from ggufeval.store import Store

    with Store.open(db, read_only=True) as store:
        result = store.result(run)
    if question is None:
        if prompt:
            raise UsageError("--prompt shows what was sent for one question: add --question ID.")
        _show_run(result.run)
        return
    asked = next((q for q in result.questions if q.id == question), None)
    records = [r for r in result.records if r.question_id == question]
    if asked is None or not records:
        raise UsageError(f"run {result.run.id} has no answer to a question {question!r}.")
    if prompt:
        _show_prompts(result, asked, records)
    else:
        _show_question(result.run, asked, records)


def _show_run(run: Run) -> None:
    from ggufeval.report.numerals import MISSING, visible
    from ggufeval.report.records import settings

    facts = {
        "id": run.id,
        "status": run.status.value,
        "questions": f"{run.n_done} of {run.n_questions}",
        "task": run.task,
        "source": run.source,
        "command": run.command,
        "created": run.created,
        "seconds": round(run.seconds, 1),
        "tokens": run.n_tokens,
        "peak memory": f"{run.peak_rss_bytes / 1e6:,.0f} MB",
        "model": run.model.label,
        "path": run.model.path,
        "bits per weight": round(run.model.bits_per_weight, 3),
    }
    if run.fingerprint.tool:
        unknown = ("seconds", "tokens", "peak memory", "path", "bits per weight")
        facts |= {"evaluated by": run.fingerprint.tool} | dict.fromkeys(unknown, MISSING)
    for name, value in facts.items():
        click.echo(f"{name:16} {visible(str(value))}")
    click.echo("\nfingerprint")
    click.echo(json.dumps(settings(run.fingerprint), indent=2, sort_keys=True))


def _show_prompts(result: RunResult, question: Question, records: Sequence[Record]) -> None:
    from ggufeval.errors import UsageError
    from ggufeval.report.numerals import visible

    for record in records:
        kept = result.prompts
        text = kept.text(question.id, record.rotation) if kept else None
        if text is None and result.run.fingerprint.tool:
            raise UsageError(
                f"the prompts of run {result.run.id} are not kept here: they are in the records "
                f"of {result.run.fingerprint.tool}, which evaluated it."
            )
        if text is None:
            raise UsageError(
                f"the prompts of run {result.run.id} were not kept, as by older versions. Repeat "
                "its command: it finds the answers that are there, and keeps the prompts."
            )
        if len(records) > 1:
            click.echo(f"--- {_rotation(question, record)}")
        click.echo(visible(text, keep="\n"))


def _show_question(run: Run, question: Question, records: Sequence[Record]) -> None:
    from ggufeval.report.numerals import visible
    from ggufeval.types import LETTERS

    stem = visible(question.stem, keep="\n")
    click.echo(f"{visible(question.id)}\n\n{_streams.fit(stem, sys.stdout)}")
    is_cloze = run.fingerprint.read == "cloze"
    is_rotated = any(record.rotation for record in records)
    for i, choice in enumerate(question.choices):
        mark = "*" if i == question.answer else " "
        if not is_rotated:
            mark += ">" if i == records[0].letter else " "
            told = _likelihood(records[0], i, choice, per_byte=is_cloze)
        else:
            times = sum(record.letter == i for record in records)
            told = f"   (answered {times} of {len(records)} times)"
        click.echo(f"{mark} {LETTERS[i]}. {visible(choice)}{told}")
    if not is_rotated:
        click.echo("\n* the right one   > the model's answer")
        _show_text(records[0])
        return
    click.echo("\n* the right one")
    for record in records:
        click.echo(f"\n{_rotation(question, record)}")
        _show_text(record)


def _likelihood(record: Record, i: int, choice: str, *, per_byte: bool) -> str:
    """Empty for an answer that was read off a text."""
    if not record.letter_logits:
        return ""
    logprob = record.letter_logprobs[i]
    each = f", {logprob / max(len(choice.encode()), 1):.3f} a byte" if per_byte else ""
    return f"   (log p {logprob:.3f}{each})"


def _rotation(question: Question, record: Record) -> str:
    """What was answered, and where it and the right choice stood."""
    from ggufeval.types import LETTERS

    k = len(question.choices)
    right = LETTERS[(question.answer - record.rotation) % k]
    said = f"rotation {record.rotation}, the right one as {right}: "
    if record.letter is None:
        return f"{said}no answer could be read"
    shown = LETTERS[(record.letter - record.rotation) % k]
    verdict = "right" if record.correct else "wrong"
    return f"{said}answered {shown}, which is {LETTERS[record.letter]} above; {verdict}"


def _show_text(record: Record) -> None:
    from ggufeval.report.numerals import visible

    if record.text is not None:
        click.echo(f"text: {visible(record.text)}")
    if record.parse_error:
        click.echo(f"not read: {visible(record.parse_error)}")
