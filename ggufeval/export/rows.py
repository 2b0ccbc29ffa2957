"""A record as a row of a table. `docs/imports.md` says what stands in each column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from ggufeval.types import LETTERS, Question, Record, RunResult

Row: TypeAlias = dict[str, object]

OURS = "ggufeval"


def record_rows(result: RunResult) -> Iterator[Row]:
    """One a record, in the run's order. Raises nothing: what is unknown is None, or NaN."""
    questions = {question.id: question for question in result.questions}
    model = result.run.model
    is_ours = not result.run.fingerprint.tool
    of_run: Row = {
        "run_id": result.run.id,
        "model": model.label,
        "quantization": model.quantization,
        "bits_per_weight": model.bits_per_weight if is_ours else None,
        "tool": result.run.fingerprint.tool or OURS,
    }
    for record in result.records:
        row = of_run | _row(questions[record.question_id], record)
        if result.run.fingerprint.read == "cloze":
            row |= _of_texts(record)
        if not is_ours:
            row["n_tokens"] = None
        yield row


def _of_texts(record: Record) -> Row:
    """The choice whose text is likeliest as a whole; `answer` is the likeliest one per byte."""
    values = record.letter_logits
    return {"answer_summed": LETTERS[max(range(len(values)), key=values.__getitem__)]}


def _row(question: Question, record: Record) -> Row:
    row: Row = {
        "question_id": question.id,
        "subject": question.subject,
        "stem": question.stem,
        "choices": list(question.choices),
        "rotation": record.rotation,
        "gold": LETTERS[question.answer],
        "answer": None if record.letter is None else LETTERS[record.letter],
        "correct": record.correct,
        "letter_mass": record.letter_mass,
        "margin": record.margin,
        "n_tokens": record.n_tokens,
        "text": record.text,
        "parse_error": record.parse_error,
        "partial": record.partial,
    }
    # Texts have no logits, and questions may have fewer letters than others.
    row |= {f"logit_{LETTERS[i]}": logit for i, logit in enumerate(record.letter_logits)}
    row |= {f"logprob_{LETTERS[i]}": value for i, value in enumerate(record.letter_logprobs)}
    return row


def columns(rows: Iterable[Row]) -> list[str]:
    """Of all rows, the letters' last and in order."""
    seen = dict.fromkeys(column for row in rows for column in row)
    fixed = [column for column in seen if not column.startswith(("logit_", "logprob_"))]
    return fixed + sorted(column for column in seen if column not in fixed)
