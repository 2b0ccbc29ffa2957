"""The comparison inside each subject, or each of MMLU's categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ggufeval.errors import ComparisonError
from ggufeval.stats.categories import CATEGORIES, NONE, category
from ggufeval.stats.differences import difference
from ggufeval.stats.scores import micro_accuracy
from ggufeval.types import GroupScore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.stats.sample import Answers, Sample

SUBJECT, CATEGORY = "subject", "category"
AUTO = "auto"
"""Whichever of the two suits, or neither."""
_MOST_SUBJECTS = 60


def group_scores(
    answers: Sequence[Answers], sample: Sample, by: str, *, level: float = 0.95
) -> tuple[GroupScore, ...]:
    """Score all runs, the reference first, and pair them inside each group.

    Intervals as those of the whole, of the group's questions alone: each of the given level by
    itself, so that of many some miss. ComparisonError where no subject has a category.
    """
    names = _names(sample, by)
    of_record = names[sample.stratum[sample.asked]]
    found = []
    for name in _order(names, by):
        kept = of_record == name
        part = sample.part(kept)
        reference, *candidates = (each.part(kept) for each in answers)
        found.append(
            GroupScore(
                name=name,
                n=part.n,
                accuracies=tuple(
                    micro_accuracy(each, part, level) for each in (reference, *candidates)
                ),
                differences=tuple(
                    difference(reference, each, part, level=level).micro for each in candidates
                ),
            )
        )
    return tuple(found)


def suitable(subjects: Sequence[str]) -> str:
    """MMLU's categories where there are any; else subjects, if there are some but not too many."""
    if any(category(subject) != NONE for subject in subjects):
        return CATEGORY
    return SUBJECT if 2 <= len(subjects) <= _MOST_SUBJECTS else ""


def _names(sample: Sample, by: str) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """The group of each subject (length K)."""
    if by == SUBJECT:
        return np.array(sample.subjects, dtype=np.str_)
    names = [category(subject) for subject in sample.subjects]
    if set(names) == {NONE}:
        raise ComparisonError(
            "None of the subjects compared is one of MMLU's 57, which alone have categories. "
            "Say --by subject."
        )
    return np.array(names, dtype=np.str_)


def _order(names: np.ndarray[tuple[int], np.dtype[np.str_]], by: str) -> list[str]:
    there = {str(name) for name in names}
    return sorted(there) if by == SUBJECT else [n for n in (*CATEGORIES, NONE) if n in there]
