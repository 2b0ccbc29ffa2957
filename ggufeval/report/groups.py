"""The comparison inside each subject or category, as rows of text and as records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ggufeval.report import numerals
from ggufeval.report.records import estimate_fields
from ggufeval.report.rows import rows

if TYPE_CHECKING:
    from ggufeval.report.records import Value
    from ggufeval.types import Comparison

LEAST = 10
"""With fewer questions an interval is wider than 28 points either way, and left out."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group. All but `name` and `n` have one entry a model, the first the reference's."""

    name: str
    n: str
    accuracies: tuple[str, ...]
    differences: tuple[str, ...]
    intervals: tuple[str, ...]
    """Of the differences; empty where the group is too small."""


def group_rows(comparison: Comparison) -> tuple[GroupRow, ...]:
    """Subjects without the underscores of their names."""
    return tuple(
        GroupRow(
            name=numerals.visible(group.name).replace("_", " "),
            n=f"{group.n:,}",
            accuracies=tuple(numerals.percent(e.value) for e in group.accuracies),
            differences=("", *(numerals.points(e.value) for e in group.differences)),
            intervals=(
                "",
                *(
                    numerals.points_interval(e) if group.n >= LEAST else ""
                    for e in group.differences
                ),
            ),
        )
        for group in comparison.groups
    )


def group_legend(comparison: Comparison) -> str:
    """How to read the table of groups; empty where there is none."""
    if not comparison.groups:
        return ""
    reference, *candidates = rows(comparison)
    if not candidates:
        return f"n: questions; {reference.name}: accuracy, in %."
    level = f"{100 * comparison.reference.micro.level:g}%"
    text = (
        f"n: questions; {reference.name}: accuracy, in %; the others: difference, in points, with "
        f"its paired {level} interval, each by itself: of {_intervals(comparison)} some miss"
    )
    if any(group.n < LEAST for group in comparison.groups):
        text += f"; below {LEAST} questions there is none"
    return f"{text}."


def _intervals(comparison: Comparison) -> str:
    shown = sum(len(group.differences) for group in comparison.groups if group.n >= LEAST)
    return numerals.count(shown, "interval")


def group_records(comparison: Comparison) -> tuple[dict[str, Value], ...]:
    """One flat record a group and model, full precision."""
    scores = (comparison.reference, *(item.score for item in comparison.candidates))
    return tuple(
        {
            "by": comparison.by,
            "group": group.name,
            "n": group.n,
            "model": score.run.model.label,
            "role": "candidate" if i else "reference",
            "run": score.run.id,
            **estimate_fields("accuracy_micro", group.accuracies[i]),
            **estimate_fields("difference_micro", group.differences[i - 1] if i else None),
        }
        for group in comparison.groups
        for i, score in enumerate(scores)
    )
