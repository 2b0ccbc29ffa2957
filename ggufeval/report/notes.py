"""What the marks in a table mean, and what is to be known of single rows: sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ggufeval.report import numerals
from ggufeval.report.floors import floors
from ggufeval.report.rows import Row, is_exact, is_starred, lossy_origin, rows, tensor_mix
from ggufeval.types import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.types import Comparison

_WITHOUT_MATRIX = ("F32", "F16", "BF16")
"""Types that no importance matrix could improve."""


def notes(comparison: Comparison) -> tuple[str, ...]:
    """What the marks mean and what a reader must know of single rows, a sentence or two each."""
    found = rows(comparison)
    said = [
        f"{row.name}: {tensor_mix(row.score.run.model)} of the weights."
        for row in found
        if is_starred(row.score.run.model)
    ]
    said += _imported(found)
    said += _origins(found)
    said += _written_out(found)
    for row in found:
        run = row.score.run
        if run.status is RunStatus.RUNNING:
            done = f"{run.n_done:,} of {numerals.count(run.n_questions, 'question')}"
            said.append(f"{row.name}: the run is not finished, {done} recorded.")
        said += _unread(row)
    said += floors(found)
    said += map(numerals.visible, comparison.remarks)
    said += _summed(found)
    if is_exact(comparison, comparison.reference.micro):
        said.append(
            "exact: every question was asked, so for these questions nothing was sampled; "
            "another machine's arithmetic can still flip an answer."
        )
    return tuple(said)


def _imported(found: Sequence[Row]) -> list[str]:
    tools: dict[str, list[str]] = {}
    for row in found:
        if tool := row.score.run.fingerprint.tool:
            tools.setdefault(numerals.visible(tool), []).append(row.name)
    return [
        f"Evaluated by {tool}, and read from its records: {', '.join(names)}."
        for tool, names in tools.items()
    ]


def _unread(row: Row) -> list[str]:
    score = row.score
    if not score.n_unread:
        return []
    kinds = [(score.n_unparsed, "unparsed"), (score.n_no_choice, "no choice")]
    why = ", ".join(f"{n:,} {kind}" for n, kind in kinds if n)
    answers = numerals.count(score.n_unread, "answer")
    reasons = f" ({why})" if why else ""
    return [f"{row.name}: {answers} could not be read and counted as wrong{reasons}."]


def _summed(found: Sequence[Row]) -> list[str]:
    """The other verdict that likelihoods of texts allow."""
    values = [
        f"{row.name} {numerals.percent(row.score.summed.value)}"
        for row in found
        if row.score.summed
    ]
    if not values:
        return []
    return [f"By the plain sum of log-probabilities: {', '.join(values)} (%)."]


def _origins(found: Sequence[Row]) -> list[str]:
    """How levels were made, where that makes two of the same name unlike in quality."""
    lossy: dict[str, list[str]] = {}
    made_here: dict[str, list[str]] = {}
    with_matrix = []
    for row in found:
        model = row.score.run.model
        if model.imatrix:
            with_matrix.append(row.name)
        if source := lossy_origin(model):
            lossy.setdefault(numerals.visible(source), []).append(row.name)
        elif model.imatrix or model.quantization in _WITHOUT_MATRIX:
            continue
        elif source := model.quantized_from:
            made_here.setdefault(numerals.visible(source), []).append(row.name)
    said = [
        f"{', '.join(names)} (from {source}): made from a file that was lossy already."
        for source, names in lossy.items()
    ]
    if with_matrix:
        said.append(f"With an importance matrix: {', '.join(with_matrix)}.")
    said += [
        f"Made here from {source}, without an importance matrix: {', '.join(names)}."
        for source, names in made_here.items()
    ]
    return said


def _written_out(found: Sequence[Row]) -> list[str]:
    """What rows are that have another level's weights."""
    said = []
    for kind, how in (("F32", "exactly"), ("F16", "rounded once more")):
        models = [row.score.run.model for row in found]
        if any(model.dequantized_from and model.quantization == kind for model in models):
            said.append(f"as {kind}: the level's weights written out in {kind}, {how}.")
    return said
