"""What a bundle says, as values. Whether it is true of itself, `verifying` finds out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from ggufeval.bundle import contents, fields
from ggufeval.bundle.archive import Archive
from ggufeval.bundle.contents import (
    BundledBatch,
    BundledQuestion,
    BundledRecord,
    BundledRun,
    Environment,
    Manifest,
)
from ggufeval.errors import DataError

T = TypeVar("T")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MOST_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class Study:
    """One run of a bundle, whole."""

    bundled: BundledRun
    questions: tuple[BundledQuestion, ...]
    shots: tuple[BundledQuestion, ...]
    batches: tuple[BundledBatch, ...]
    """Of its plan; other runs may have answered more of them."""
    records: tuple[BundledRecord, ...]
    template: bytes


def manifest_of(archive: Archive) -> tuple[Manifest, Environment]:
    """Raises DataError."""
    name = contents.ENVIRONMENT
    environment = fields.read(Environment, archive.read(name), f"{archive.path}, {name}")
    return archive.manifest, environment


def studies(archive: Archive) -> Iterator[Study]:
    """The runs, one at a time, in the bundle's order. Raises DataError."""
    runs = archive.manifest.runs
    if not 0 < len(runs) <= MOST_RUNS or len(set(runs)) < len(runs):
        raise DataError(
            f"{archive.path}: expected 1 to {MOST_RUNS:,} different runs, found {len(runs):,}, "
            f"{len(set(runs)):,} of them different. {fields.ADVICE}"
        )
    for run_id in runs:
        if not _RUN_ID.fullmatch(run_id):
            raise DataError(
                f"{archive.path}: expected the id of a run, found {run_id[:80]!r}. {fields.ADVICE}"
            )
        name = f"runs/{run_id}.json"
        place = f"{archive.path}, {name}"
        bundled = fields.read(BundledRun, archive.read(name), place)
        if bundled.run.id != run_id:
            raise DataError(
                f"{place}: expected the run {run_id}, found {bundled.run.id[:80]!r}. "
                f"{fields.ADVICE}"
            )
        yield Study(
            bundled,
            _lines(archive, bundled.questions, BundledQuestion),
            _lines(archive, bundled.shots, BundledQuestion) if bundled.shots else (),
            _lines(archive, bundled.plan, BundledBatch),
            _lines(archive, bundled.records, BundledRecord),
            archive.read(bundled.template) if bundled.template else b"",
        )


def _lines(archive: Archive, name: str, kind: type[T]) -> tuple[T, ...]:
    lines = archive.read(name).splitlines()
    place = f"{archive.path}, {name}"
    return tuple(
        fields.read(kind, line, f"{place}, line {number}") for number, line in enumerate(lines, 1)
    )
