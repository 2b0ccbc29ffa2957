from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ggufeval.cli import _options

if TYPE_CHECKING:
    from ggufeval.types import Fingerprint

_HEADER = ("run", "answers", "prompt", "read", "task", "created", "model")


@click.command()
@_options.db
def runs(db: Path) -> None:
    """List the runs in the database, the newest first."""
    from ggufeval.report.numerals import visible
    from ggufeval.store import Store

    with Store.open(db, read_only=True) as store:
        found = store.runs()
    rows = [
        (
            run.id,
            f"{run.n_done}" if run.n_done == run.n_questions else f"{run.n_done}/{run.n_questions}",
            f"{run.fingerprint.prompt_style}/{_shots(run.fingerprint)}",
            _reading(run.fingerprint),
            run.task,
            run.created[:10],
            run.model.label,
        )
        for run in found
    ]
    for line in _lines([_HEADER, *(tuple(map(visible, row)) for row in rows)]):
        click.echo(line)


def _shots(fingerprint: Fingerprint) -> str:
    return "?" if fingerprint.shots < 0 else f"{fingerprint.shots}"


def _reading(fingerprint: Fingerprint) -> str:
    """`letter`, `cloze`, or `sample 0.6/10 grammar`: temperature and most tokens of a text.

    With `-b 512` where the batches are others than usual, as those of a flip floor are, with
    `--no-repack` where the weights had the file's layout, and with `verdict` or `budget 500` where
    it may end early.
    """
    from ggufeval.runner import Options

    said = [fingerprint.read]
    if fingerprint.tool:
        return f"{fingerprint.read} {fingerprint.parser}".strip()
    if fingerprint.max_tokens:
        said.append(f"{fingerprint.temperature:g}/{fingerprint.max_tokens}")
        said += ["grammar"] if fingerprint.grammar else []
    said += [more for more in (fingerprint.permute, fingerprint.stopping) if more]
    engine = fingerprint.engine
    said += [f"-b {engine.n_batch}"] if engine.n_batch != Options().n_batch else []
    return " ".join([*said, *([] if engine.repack else ["--no-repack"])])


def _lines(rows: list[tuple[str, ...]]) -> list[str]:
    """A line a run; two where that is too long for the terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [[f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)] for row in rows]
    if sum(widths) + 2 * len(widths) <= shutil.get_terminal_size().columns:
        return ["  ".join(cells).rstrip() for cells in padded]
    return [
        line.rstrip() for row in padded for line in ("  ".join(row[:5]), f"  {'  '.join(row[5:])}")
    ]
