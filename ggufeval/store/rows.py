"""Values to rows of the database, and back."""

from __future__ import annotations

import json
import math
import sqlite3
import struct
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TypeAlias

from ggufeval.types import Design, Fingerprint, ModelInfo, Question, Record, Run, RunStatus

Row: TypeAlias = Mapping[str, object]


def insert(db: sqlite3.Connection, table: str, row: Row, *, replace_old: bool = False) -> None:
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    verb = "INSERT OR REPLACE" if replace_old else "INSERT"
    query = f"{verb} INTO {table} ({columns}) VALUES ({marks})"
    db.execute(query, tuple(row.values()))


def to_run(run: Run, run_id: str, attempt: int, created: str) -> Row:
    return {
        "id": run_id,
        "digest": run.fingerprint.digest,
        "fingerprint": run.fingerprint.to_json(),
        "attempt": attempt,
        "model_sha256": run.model.sha256,
        "questions_sha256": run.fingerprint.questions_sha256,
        "label": run.model.label,
        "task": run.task,
        "source": run.source,
        "design": run.design.value,
        "population": json.dumps(dict(run.population)),
        "n_questions": run.n_questions,
        "n_batches": run.n_batches,
        "status": RunStatus.RUNNING.value,
        "created": created,
        "command": run.command,
        "peak_rss": run.peak_rss_bytes,
    }


def from_run(row: sqlite3.Row) -> Run:
    model = ModelInfo(**json.loads(row["info"]))
    return Run(
        id=row["id"],
        model=replace(model, label=row["label"]),
        fingerprint=Fingerprint.from_json(row["fingerprint"]),
        task=row["task"],
        source=row["source"],
        design=Design(row["design"]),
        population=json.loads(row["population"]),
        n_questions=row["n_questions"],
        n_batches=row["n_batches"],
        status=RunStatus(row["status"]),
        created=row["created"],
        n_done=row["n_done"],
        n_tokens=row["n_tokens"],
        seconds=row["seconds"],
        peak_rss_bytes=row["peak_rss"],
        command=row["command"],
    )


def to_model(model: ModelInfo) -> Row:
    return {"sha256": model.sha256, "info": json.dumps(asdict(model))}


def to_question(question: Question, questions_sha256: str, position: int) -> Row:
    return {
        "questions_sha256": questions_sha256,
        "position": position,
        "id": question.id,
        "subject": question.subject,
        "stem": question.stem,
        "choices": json.dumps(question.choices),
        "answer": question.answer,
    }


def from_question(row: sqlite3.Row) -> Question:
    choices = tuple(json.loads(row["choices"]))
    return Question(row["id"], row["subject"], row["stem"], choices, row["answer"])


def to_record(record: Record, run_id: str, batch: int) -> Row:
    logits = record.letter_logits
    return {
        "run_id": run_id,
        "question_id": record.question_id,
        "rotation": record.rotation,
        "batch": batch,
        "letter": record.letter,
        "correct": record.correct,
        "letter_logits": struct.pack(f"<{len(logits)}f", *logits),
        "logsumexp": record.logsumexp,
        "letter_mass": record.letter_mass,
        "margin": record.margin,
        "top_token": record.top_token,
        "top_logit": record.top_logit,
        "n_tokens": record.n_tokens,
        "text": record.text,
        "parse_error": record.parse_error,
        "partial": record.partial,
    }


def from_record(row: sqlite3.Row) -> Record:
    logits = row["letter_logits"]
    return Record(
        run_id=row["run_id"],
        question_id=row["question_id"],
        rotation=row["rotation"],
        letter=row["letter"],
        correct=bool(row["correct"]),
        letter_logits=struct.unpack(f"<{len(logits) // 4}f", logits),
        logsumexp=_float(row["logsumexp"]),
        letter_mass=_float(row["letter_mass"]),
        margin=_float(row["margin"]),
        top_token=row["top_token"],
        top_logit=_float(row["top_logit"]),
        n_tokens=row["n_tokens"],
        text=row["text"],
        parse_error=row["parse_error"],
        partial=bool(row["partial"]),
    )


def _float(value: float | None) -> float:
    """SQLite stores NaN as NULL."""
    return math.nan if value is None else float(value)
