"""Records and questions as arrays: what the formulas of this room are fed with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ggufeval.types import Design

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ggufeval.types import Question, Record

Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int_]
Floats: TypeAlias = NDArray[np.float64]

UNREAD = -1
"""Stands for the letter of an answer that could not be read."""


def is_unread(record: Record) -> bool:
    return record.letter is None or record.parse_error is not None


@dataclass(frozen=True, slots=True)
class Answers:
    """One run's answers to n questions: arrays of length n, in the sample's order."""

    letters: Ints
    """Indices of the choices, or `UNREAD`."""
    correct: Bools
    masses: Floats
    """Probability on all letters, from 0 to 1."""
    partial: Bools
    """Whether the grammar's best first token was only a part of an answer."""

    @classmethod
    def of(cls, records: Sequence[Record]) -> Answers:
        """Read them off records. What could not be read is wrong."""
        return cls(
            letters=np.array(
                [UNREAD if r.letter is None or is_unread(r) else r.letter for r in records],
                dtype=np.int_,
            ),
            correct=np.array([r.correct and not is_unread(r) for r in records], dtype=np.bool_),
            masses=np.array([r.letter_mass for r in records], dtype=np.float64),
            partial=np.array([r.partial for r in records], dtype=np.bool_),
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """The n questions at hand, sorted into their K subjects, and how they were drawn."""

    design: Design
    subjects: tuple[str, ...]
    """K names, sorted; only those with a question at hand."""
    stratum: Ints
    """Length n: the index of each question's subject."""
    sizes: Ints
    """Length K: n_k, never 0."""
    shares: Floats
    """Length K: N_k / N, over the subjects at hand; they sum to 1."""

    @classmethod
    def of(
        cls, questions: Iterable[Question], design: Design, population: Mapping[str, int]
    ) -> Sample:
        """Sort `questions` by subject; `population` holds N_k for each of their subjects."""
        names, stratum, sizes = np.unique(
            [q.subject for q in questions], return_inverse=True, return_counts=True
        )
        subjects = tuple(str(name) for name in names)
        whole = np.array([population[subject] for subject in subjects], dtype=np.float64)
        return cls(design, subjects, stratum, sizes, whole / whole.sum())

    @property
    def n(self) -> int:
        return len(self.stratum)

    @property
    def macro_weights(self) -> Floats:
        """W_k = 1/K: every subject counts the same."""
        return np.full(len(self.subjects), 1 / len(self.subjects))

    def count(self, hits: Bools) -> Ints:
        """Hits (length n) a subject (length K)."""
        return np.bincount(self.stratum[hits], minlength=len(self.subjects))

    @property
    def is_stratified(self) -> bool:
        """Whether micro needs weights: equal numbers a subject make the plain mean macro."""
        return self.design is Design.STRATIFIED
