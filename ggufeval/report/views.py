"""The models once more, without defective questions or with weights: rows of text, records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ggufeval.report import numerals
from ggufeval.report.page import Column
from ggufeval.report.records import estimate_fields
from ggufeval.report.rows import rows

if TYPE_CHECKING:
    from ggufeval.report.records import Value
    from ggufeval.types import Comparison, View

_TITLES = {"redux": "Without defective questions", "weights": "With your weights"}
_HEADERS = ("model", "accuracy", "difference", "lost/won")


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One model. Accuracy and difference are a value and its interval."""

    name: str
    accuracy: tuple[str, str]
    difference: tuple[str, str]
    """Empty for the reference, and so are the flips."""
    flips: str


@dataclass(frozen=True, slots=True)
class ViewTable:
    title: str
    headers: tuple[str, ...]
    rows: tuple[ViewRow, ...]
    legend: str
    """How it was made, and how to read it."""

    @property
    def cells(self) -> tuple[tuple[str, ...], ...]:
        """One a row, under `headers`."""
        return tuple(
            (row.name, " ".join(row.accuracy), " ".join(row.difference).strip(), row.flips)[
                : len(self.headers)
            ]
            for row in self.rows
        )

    @property
    def layouts(self) -> tuple[tuple[Column[ViewRow], ...], ...]:
        """Of a terminal's table, the most spacious first."""
        return tuple(_columns(between)[: len(self.headers)] for between in (" ", "\n"))


def _columns(between: str) -> tuple[Column[ViewRow], ...]:
    model, accuracy, difference, flips = _HEADERS
    return (
        Column(model, lambda row: row.name, right=False, folds=True),
        Column(accuracy, lambda row: between.join(row.accuracy), right=False),
        Column(difference, lambda row: between.join(row.difference).rstrip(), right=False),
        Column(flips, lambda row: row.flips),
    )


def view_tables(comparison: Comparison) -> tuple[ViewTable, ...]:
    """One a view; without candidates, without what compares."""
    headers = _HEADERS if comparison.candidates else _HEADERS[:2]
    return tuple(
        ViewTable(_TITLES[view.name], headers, _rows(comparison, view), _legend(comparison, view))
        for view in comparison.views
    )


def _rows(comparison: Comparison, view: View) -> tuple[ViewRow, ...]:
    found = []
    for row, score in zip(rows(comparison), view.scores, strict=True):
        change = score.difference
        found.append(
            ViewRow(
                row.name,
                (
                    numerals.percent(score.accuracy.value),
                    numerals.percent_interval(score.accuracy),
                ),
                (numerals.points(change.value), numerals.points_interval(change))
                if change
                else ("reference", ""),
                f"{score.lost}/{score.won}" if change else "",
            )
        )
    return tuple(found)


def _legend(comparison: Comparison, view: View) -> str:
    made = _redux(comparison, view) if view.name == "redux" else _weights(comparison, view)
    level = f"{100 * comparison.reference.micro.level:g}%"
    read = (
        f"Accuracy in %, difference in points, with {level} intervals"
        if comparison.candidates
        else f"Accuracy in %, with its {level} interval"
    )
    return f"{made} {read}; no verdict follows."


def _redux(comparison: Comparison, view: View) -> str:
    unlabelled = comparison.n_questions - view.n_labelled
    rest = f" The other {unlabelled:,} have no label, and stay." if unlabelled else ""
    return (
        f"Without the {numerals.count(view.n_left_out, 'question')} marked as defective in "
        f"{numerals.visible(view.source)}, of {view.n_labelled:,} with a label among the "
        f"{comparison.n_questions:,} compared.{rest}"
    )


def _weights(comparison: Comparison, view: View) -> str:
    source = numerals.visible(view.source)
    if view.by == "subject":
        made = f"Each subject counts as a whole, with its weight in {source}, whatever its size."
    else:
        made = f"Each question counts with its weight in {source}; lost/won count answers."
    if view.n_unused:
        made += f" It has {numerals.count(view.n_unused, 'name')} without a match here."
    if view.n_left_out:
        made += f" {view.n_left_out:,} of {comparison.n_questions:,} questions have the weight 0."
    return f"{made} The {view.n:,} tell as much as {view.n_effective:,.0f} of equal weight."


def view_records(comparison: Comparison) -> tuple[dict[str, Value], ...]:
    """One flat record a view and model, full precision."""
    scores = (comparison.reference, *(item.score for item in comparison.candidates))
    return tuple(
        {
            "view": view.name,
            "source": view.source,
            "by": view.by,
            "n": view.n,
            "n_left_out": view.n_left_out,
            "n_labelled": view.n_labelled if view.name == "redux" else None,
            "n_unused": view.n_unused if view.name == "weights" else None,
            "n_effective": view.n_effective,
            "model": score.run.model.label,
            "role": "candidate" if seen.difference else "reference",
            "run": seen.run_id,
            **estimate_fields("accuracy", seen.accuracy),
            **estimate_fields("difference", seen.difference),
            "lost": seen.lost if seen.difference else None,
            "won": seen.won if seen.difference else None,
        }
        for view in comparison.views
        for score, seen in zip(scores, view.scores, strict=True)
    )


def view_columns(comparison: Comparison) -> tuple[dict[str, Value], ...]:
    """One record a model, the reference's first: `redux_accuracy`, ...; empty without views."""
    found: dict[str, dict[str, Value]] = {
        score.run.id: {}
        for score in (comparison.reference, *(item.score for item in comparison.candidates))
    }
    for record in view_records(comparison):
        found[str(record["run"])] |= {
            f"{record['view']}_{key}": value
            for key, value in record.items()
            if key not in {"view", "model", "role", "run"}
        }
    return tuple(found.values())
