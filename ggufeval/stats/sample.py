"""Records and questions as arrays: what the formulas of this room are fed with.

A question that was asked in several rotations of its choices is one observation all the same: the
mean of its records. That mean lies in [0, 1], and so has a variance of p(1-p) at most, as a share
of records right or wrong has. Wilson's and MOVER's formulas, fed with sums of such means, are
therefore conservative: their intervals are never too narrow for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
    """One run's answers: arrays of length m, one entry a record, in the sample's order."""

    letters: Ints
    """Indices of the choices as the question has them, or `UNREAD`."""
    correct: Bools
    masses: Floats
    """Probability on all letters, from 0 to 1; NaN where none was looked at."""
    partial: Bools
    """Whether the grammar's best first token was only a part of an answer."""
    errors: tuple[str, ...] = ()
    """Why what could not be read could not, where that is known."""
    summed: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int_))
    """The choice with the greatest of the record's logits, or `UNREAD` where it has none."""
    logits: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """One row a record, one column a choice as the question has them; -inf where it has fewer."""

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
            errors=tuple(r.parse_error for r in records if r.parse_error),
            summed=np.array([_greatest(r.letter_logits) for r in records], dtype=np.int_),
            logits=_padded([r.letter_logits for r in records]),
        )

    def part(self, kept: Bools) -> Answers:
        """Those of these records (length m) alone; why they could not be read is left out."""
        return Answers(
            self.letters[kept], self.correct[kept], self.masses[kept], self.partial[kept]
        )


def _padded(rows: Sequence[Sequence[float]]) -> Floats:
    padded = np.full((len(rows), max(map(len, rows), default=0)), -np.inf)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return padded


def _greatest(logits: Sequence[float]) -> int:
    return max(range(len(logits)), key=logits.__getitem__, default=UNREAD)


@dataclass(frozen=True, slots=True)
class Sample:
    """The n questions at hand, sorted into their K subjects, and how they were drawn.

    They have m records: one each, or one for each rotation of their choices.
    """

    design: Design
    subjects: tuple[str, ...]
    """K names, sorted; only those with a question at hand."""
    stratum: Ints
    """Length n: the index of each question's subject."""
    sizes: Ints
    """Length K: n_k, never 0."""
    shares: Floats
    """Length K: N_k / N, over the subjects at hand; they sum to 1."""
    n_choices: Ints
    """Length n."""
    gold: Ints
    """Length n."""
    asked: Ints
    """Length m: the index of each record's question."""
    rotations: Ints
    """Length m: by how many places its choices were turned."""

    @classmethod
    def of(
        cls,
        questions: Iterable[Question],
        design: Design,
        population: Mapping[str, int],
        rotations: Sequence[int] | None = None,
    ) -> Sample:
        """Sort `questions`, one a record, by subject; `population` holds N_k for each of those.

        `rotations` are the records'; None: each question once, as it is.
        """
        places: dict[str, int] = {}
        distinct: list[Question] = []
        asked: list[int] = []
        for question in questions:
            if question.id not in places:
                places[question.id] = len(distinct)
                distinct.append(question)
            asked.append(places[question.id])
        names, stratum, sizes = np.unique(
            [q.subject for q in distinct], return_inverse=True, return_counts=True
        )
        subjects = tuple(str(name) for name in names)
        whole = np.array([population[subject] for subject in subjects], dtype=np.float64)
        return cls(
            design,
            subjects,
            stratum,
            sizes,
            whole / whole.sum(),
            n_choices=np.array([len(q.choices) for q in distinct], dtype=np.int_),
            gold=np.array([q.answer for q in distinct], dtype=np.int_),
            asked=np.array(asked, dtype=np.int_),
            rotations=np.array(rotations or [0] * len(asked), dtype=np.int_),
        )

    @property
    def n(self) -> int:
        return len(self.stratum)

    @property
    def n_asked(self) -> Ints:
        """Length n: how many records each question has."""
        return np.bincount(self.asked, minlength=self.n)

    @property
    def has_rotations(self) -> bool:
        """Whether a question has several records, which are not independent of one another."""
        return len(self.asked) > self.n

    @property
    def macro_weights(self) -> Floats:
        """W_k = 1/K: every subject counts the same."""
        return np.full(len(self.subjects), 1 / len(self.subjects))

    def means(self, hits: Bools) -> Floats:
        """Hits (length m) a question (length n): the share of its records."""
        return np.bincount(self.asked[hits], minlength=self.n) / self.n_asked

    def count(self, hits: Bools) -> Floats:
        """Hits (length m) a subject (length K), each question counting as its records' mean."""
        means = self.means(hits)
        counts = np.bincount(self.stratum, weights=means, minlength=len(self.subjects))
        return counts.astype(np.float64)

    def part(self, kept: Bools) -> Sample:
        """The sample of these records (length m) alone; at least one of them."""
        questions, asked = np.unique(self.asked[kept], return_inverse=True)
        strata, stratum = np.unique(self.stratum[questions], return_inverse=True)
        shares = self.shares[strata]
        return Sample(
            self.design,
            tuple(self.subjects[i] for i in strata),
            stratum,
            np.bincount(stratum),
            shares / shares.sum(),
            n_choices=self.n_choices[questions],
            gold=self.gold[questions],
            asked=asked,
            rotations=self.rotations[kept],
        )

    @property
    def is_stratified(self) -> bool:
        """Whether micro needs weights: equal numbers a subject make the plain mean macro."""
        return self.design is Design.STRATIFIED
