"""Weights or arithmetic: what each of the two loses, as rows of text and as records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ggufeval.report import numerals
from ggufeval.report.page import Column
from ggufeval.report.records import estimate_fields
from ggufeval.report.rows import EXACT, is_exact, rows

if TYPE_CHECKING:
    from ggufeval.report.records import Value
    from ggufeval.types import Comparison, Difference

TITLE = "Weights or arithmetic"
HEADERS = ("level", "in all", "weights", "arithmetic", "lost/won")


@dataclass(frozen=True, slots=True)
class DecompositionRow:
    """One level and its weights, written out. Each difference is a value and its interval."""

    name: str
    """That of the written-out weights, which names both."""
    total: tuple[str, str]
    weights: tuple[str, str]
    arithmetic: tuple[str, str]
    flips: str
    """Of the arithmetic: right with the weights written out, wrong as it is; and the reverse."""

    @property
    def cells(self) -> tuple[str, ...]:
        """Under `HEADERS`."""
        parts = (self.total, self.weights, self.arithmetic)
        return (self.name, *(" ".join(part) for part in parts), self.flips)


def _columns(between: str) -> tuple[Column[DecompositionRow], ...]:
    level, total, weights, arithmetic, flips = HEADERS
    return (
        Column(level, lambda row: row.name, right=False, folds=True),
        Column(total, lambda row: between.join(row.total), right=False),
        Column(weights, lambda row: between.join(row.weights), right=False),
        Column(arithmetic, lambda row: between.join(row.arithmetic), right=False),
        Column(flips, lambda row: row.flips),
    )


def _narrowest() -> tuple[Column[DecompositionRow], ...]:
    *_, arithmetic, flips = HEADERS
    return (
        *_columns("\n")[:-2],
        Column(
            f"{arithmetic}\n{flips}",
            lambda row: "\n".join((*row.arithmetic, row.flips)),
            right=False,
        ),
    )


LAYOUTS = (_columns(" "), _columns("\n"), _narrowest())
"""Of a terminal's table, the most spacious first."""


def decomposition_rows(comparison: Comparison) -> tuple[DecompositionRow, ...]:
    names = {row.score.run.id: row.name for row in rows(comparison)}

    def part(difference: Difference) -> tuple[str, str]:
        exact = is_exact(comparison, difference.micro)
        interval = EXACT if exact else numerals.points_interval(difference.micro)
        return numerals.points(difference.micro.value), interval

    return tuple(
        DecompositionRow(
            name=names[found.dequantized_id],
            total=part(found.total),
            weights=part(found.weights),
            arithmetic=part(found.arithmetic),
            flips=f"{found.arithmetic.lost}/{found.arithmetic.won}",
        )
        for found in comparison.decompositions
    )


def decomposition_legend(comparison: Comparison) -> str:
    """How to read the table; empty where there is none."""
    if not comparison.decompositions:
        return ""
    level = f"{100 * comparison.reference.micro.level:g}%"
    return (
        "in all: the level against the reference, the sum of the next two; weights: its weights, "
        "written out, against the reference; arithmetic, and lost/won: the level as it is against "
        f"its weights written out; in points, with paired {level} intervals. Where weights are "
        "quantized, llama.cpp's kernels round the activations too, on a CPU to 8 bits (a GPU's "
        "differ); where they are written out that rounding is absent, and what remains is the loss "
        "of the weights."
    )


def decomposition_records(comparison: Comparison) -> tuple[dict[str, Value], ...]:
    """One flat record a pair, full precision."""
    labels = {item.score.run.id: item.score.run.model.label for item in comparison.candidates}
    return tuple(
        {
            "model": labels[found.run_id],
            "run": found.run_id,
            "written_out": labels[found.dequantized_id],
            "written_out_run": found.dequantized_id,
            **_fields("total", found.total),
            **_fields("weights", found.weights),
            **_fields("arithmetic", found.arithmetic),
        }
        for found in comparison.decompositions
    )


def _fields(name: str, difference: Difference) -> dict[str, Value]:
    return {
        **estimate_fields(f"{name}_micro", difference.micro),
        **estimate_fields(f"{name}_macro", difference.macro),
        f"{name}_lost": difference.lost,
        f"{name}_won": difference.won,
    }
