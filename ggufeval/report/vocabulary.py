"""The divergence over all tokens: rows of text, records."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from ggufeval.report import numerals
from ggufeval.report.page import Column
from ggufeval.report.rows import rows

if TYPE_CHECKING:
    from ggufeval.report.records import Value
    from ggufeval.report.rows import Row
    from ggufeval.types import Candidate, Comparison, Spread, VocabularyDivergence

HEADERS = ("model", "KLD", "median", "90%", "99%", "max", "same top", "RMS Δp")
_PM = " ± "


def _column(i: int, between: str) -> Column[tuple[str, ...]]:
    return Column(
        HEADERS[i], lambda cells: cells[i].replace(_PM, between), right=i > 0, folds=i == 0
    )


LAYOUTS = tuple(
    tuple(_column(i, between) for i in range(len(HEADERS)))
    for between in (_PM, f"\n{_PM.lstrip()}")
)
"""Of a terminal's table, the most spacious first. A row is its cells."""


def vocabulary_title(comparison: Comparison) -> str:
    """What the table is about; empty where there is none."""
    found = [item.vocabulary for item in comparison.candidates if item.vocabulary]
    if not found:
        return ""
    least, most = min(each.n for each in found), max(each.n for each in found)
    n = numerals.count(most, "position") if least == most else f"{least:,} to {most:,} positions"
    return f"Divergence over the whole vocabulary, {n}"


def vocabulary_cells(comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    """Each candidate's name and figures, under `HEADERS`; empty where there are none."""
    return tuple(
        _cells(row, row.candidate.vocabulary)
        for row in rows(comparison)
        if row.candidate and row.candidate.vocabulary
    )


def _cells(row: Row, found: VocabularyDivergence) -> tuple[str, ...]:
    same, rms = (
        f"{numerals.percent(value)}{_PM}{numerals.percent(error)}"
        for value, error in (
            (found.same_top, found.same_top_standard_error),
            (found.gold_rms, found.gold_rms_standard_error),
        )
    )
    kld = found.kld
    several = (kld.median, kld.p90, kld.p99, kld.maximum)
    return (
        row.name,
        f"{numerals.nats(kld.mean)}{_PM}{numerals.nats(kld.standard_error)}",
        *(numerals.nats(value) for value in several),
        same,
        rms,
    )


def vocabulary_legend(comparison: Comparison) -> str:
    """How to read the table; empty where there is none."""
    found = [item.vocabulary for item in comparison.candidates if item.vocabulary]
    if not found:
        return ""
    return (
        f"Whole vocabulary: {found[0].n_vocab:,} tokens where the letter is read, as llama.cpp's "
        "perplexity tool has it; KLD: from the reference, in nats: mean ± its standard error, then "
        "percentiles; same top: % where the likeliest token is the same; RMS Δp: root mean square "
        "of the change of the gold letter's probability, in %."
    )


def vocabulary_fields(candidate: Candidate | None) -> dict[str, Value]:
    """Every figure by its name, full precision; empty where there is none."""
    found = candidate.vocabulary if candidate else None
    if not found:
        return {}
    return {
        "vocabulary_n": found.n,
        "vocabulary_n_vocab": found.n_vocab,
        **_spread_fields("vocabulary_kld", found.kld),
        **_spread_fields("vocabulary_delta_p", found.gold_change),
        "vocabulary_rms_delta_p": found.gold_rms,
        "vocabulary_rms_delta_p_standard_error": found.gold_rms_standard_error,
        "vocabulary_same_top": found.same_top,
        "vocabulary_same_top_standard_error": found.same_top_standard_error,
    }


def _spread_fields(name: str, spread: Spread) -> dict[str, Value]:
    return {f"{name}_{field.name}": getattr(spread, field.name) for field in fields(spread)}
