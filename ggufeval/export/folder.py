"""Records as a folder that `datasets.load_dataset` loads, with its card: one file of Parquet a run.

The card's `configs` name the files: "Dataset card metadata" and "Manual configuration" in the
documentation of the Hugging Face hub. Every file has the same columns of the same types, which
`load_dataset` wants.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggufeval.errors import UsageError
from ggufeval.export.rows import OURS, Row, record_rows
from ggufeval.types import LETTERS, RunResult
from ggufeval.whole import whole

if TYPE_CHECKING:
    import pyarrow as pa

_TEXT, _WHOLE, _REAL, _BOOL, _TEXTS = "string", "int64", "float64", "bool", "texts"
_RECORDS = {
    "run_id": _TEXT,
    "model": _TEXT,
    "quantization": _TEXT,
    "bits_per_weight": _REAL,
    "tool": _TEXT,
    "question_id": _TEXT,
    "subject": _TEXT,
    "stem": _TEXT,
    "choices": _TEXTS,
    "rotation": _WHOLE,
    "gold": _TEXT,
    "answer": _TEXT,
    "correct": _BOOL,
    "letter_mass": _REAL,
    "margin": _REAL,
    "n_tokens": _WHOLE,
    "text": _TEXT,
    "parse_error": _TEXT,
    "partial": _BOOL,
    "answer_summed": _TEXT,
}
_RUNS = {
    "run_id": _TEXT,
    "model": _TEXT,
    "quantization": _TEXT,
    "bits_per_weight": _REAL,
    "size_bytes": _WHOLE,
    "n_params": _WHOLE,
    "model_sha256": _TEXT,
    "tool": _TEXT,
    "task": _TEXT,
    "source": _TEXT,
    "design": _TEXT,
    "prompt_style": _TEXT,
    "shots": _WHOLE,
    "read": _TEXT,
    "status": _TEXT,
    "created": _TEXT,
    "n_questions": _WHOLE,
    "n_done": _WHOLE,
    "n_tokens": _WHOLE,
    "seconds": _REAL,
    "peak_rss_bytes": _WHOLE,
    "fingerprint": _TEXT,
}
_CARD = """\
---
pretty_name: Answers of GGUF models
tags:
- gguf
- llama.cpp
- evaluation
configs:
- config_name: records
  default: true
  data_files: data/records/*.parquet
- config_name: runs
  data_files: data/runs.parquet
---

# Answers of GGUF models

Written by `ggufeval export`: {n_records:,} answers of {n_runs:,} runs.

- `records`: one row an answer, with its question, one file a run.
- `runs`: one row a run, with the conditions that it was made under (`fingerprint`, JSON).

The two are joined by `run_id`. What stands in each column: `docs/imports.md` of ggufeval. The
questions are their authors': see the licence of the data set that they come from (`source`).
"""


def export_folder(results: Iterable[RunResult], path: Path) -> int:
    """Write the folder; returns how many records. It appears whole or not at all.

    Raises UsageError where there is nothing to write, something is there already, or the folder
    cannot be written.
    """
    found = [result for result in results if result.records]
    if not found:
        raise UsageError("These runs have no records yet: there is nothing to export.")
    target = path.resolve()
    try:
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise UsageError(
                f"{path}: a new or an empty folder was expected; something is there. Name another."
            )
        with whole(target) as half:
            _write(half, found)
            if target.exists():
                target.rmdir()  # Windows puts no folder in another one's place
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror or error}. Name another folder."
        ) from error
    return sum(len(result.records) for result in found)


def _write(folder: Path, results: Sequence[RunResult]) -> None:
    records = folder / "data" / "records"
    records.mkdir(parents=True)
    most = max(len(record.letter_logits) for result in results for record in result.records)
    schema = _schema(_RECORDS | _letters(most))
    for result in results:
        _parquet(records / f"{result.run.id}.parquet", record_rows(result), schema)
    _parquet(folder / "data" / "runs.parquet", map(_run_row, results), _schema(_RUNS))
    n_records = sum(len(result.records) for result in results)
    card = _CARD.format(n_records=n_records, n_runs=len(results))
    (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")


def _letters(n: int) -> dict[str, str]:
    return {f"{kind}_{x}": _REAL for kind in ("logit", "logprob") for x in LETTERS[:n]}


def _schema(columns: Mapping[str, str]) -> pa.Schema:
    import pyarrow as pa

    texts: Any = pa.list_(pa.string())
    kinds = {kind: pa.type_for_alias(kind) for kind in (_TEXT, _WHOLE, _REAL, _BOOL)}
    kinds[_TEXTS] = texts
    return pa.schema([(name, kinds[kind]) for name, kind in columns.items()])


def _parquet(path: Path, rows: Iterable[Row], schema: pa.Schema) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)


def _run_row(result: RunResult) -> Row:
    """Neither the path nor the command: they are about a machine, and this is made to be shared."""
    run, model, fingerprint = result.run, result.run.model, result.run.fingerprint
    row: Row = {
        "run_id": run.id,
        "model": model.label,
        "quantization": model.quantization,
        "bits_per_weight": model.bits_per_weight,
        "size_bytes": model.size_bytes,
        "n_params": model.n_params,
        "model_sha256": model.sha256,
        "tool": fingerprint.tool or OURS,
        "task": run.task,
        "source": run.source,
        "design": run.design.value,
        "prompt_style": fingerprint.prompt_style,
        "shots": fingerprint.shots if fingerprint.shots >= 0 else None,
        "read": fingerprint.read,
        "status": run.status.value,
        "created": run.created,
        "n_questions": run.n_questions,
        "n_done": run.n_done,
        "n_tokens": run.n_tokens,
        "seconds": run.seconds,
        "peak_rss_bytes": run.peak_rss_bytes or None,
        "fingerprint": json.dumps(json.loads(fingerprint.to_json()), sort_keys=True),
    }
    unknown = ("bits_per_weight", "size_bytes", "n_params", "n_tokens", "seconds")
    return row | dict.fromkeys(unknown) if fingerprint.tool else row
