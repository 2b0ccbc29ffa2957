"""A comparison seen otherwise: without questions that are marked, or with weights of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ggufeval.types.questions import Question
from ggufeval.types.statistics import Estimate


def wording(stem: str, choices: Sequence[str]) -> tuple[str, ...]:
    """What a question says, however its white space is set."""
    return tuple(" ".join(text.split()) for text in (stem, *choices))


@dataclass(frozen=True, slots=True)
class Labels:
    """Which questions somebody has looked at, and whether they were found defective (True)."""

    source: str
    """Where they came from, for people: a path, `edinburgh-dawg/mmlu-redux-2.0@1e8d44da`."""
    by_id: Mapping[str, bool]
    """Question id -> label."""
    by_wording: Mapping[tuple[str, ...], bool]
    """`wording` of a question -> label; for those whose ids are not known."""

    def of(self, question: Question) -> bool | None:
        """None: nobody has looked at it."""
        if question.id in self.by_id:
            return self.by_id[question.id]
        return self.by_wording.get(wording(question.stem, question.choices))


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each question counts, or each subject as a whole. Their sum does not matter."""

    source: str
    """A path, for people."""
    by: str
    """`question_id` or `subject`: what the values belong to."""
    values: Mapping[str, float]
    """Finite, 0 or more."""
    default: float | None = None
    """Of all others; None: there must not be any."""


@dataclass(frozen=True, slots=True)
class ViewScore:
    """One run in a view. Shares in [0, 1]."""

    run_id: str
    accuracy: Estimate
    difference: Estimate | None = None
    """Candidate minus reference, paired; None for the reference."""
    lost: int = 0
    """Records of the questions that count: right in the reference, wrong here."""
    won: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """The models once more, on the same answers. No verdict follows from it, and it has no p."""

    name: str
    """`redux` or `weights`."""
    source: str
    """As of the labels or weights."""
    n: int
    """Questions that count."""
    n_left_out: int
    """Compared questions that do not: defective, or of weight 0."""
    n_effective: float
    """So many questions of equal weight would tell as much, at most `n`."""
    scores: tuple[ViewScore, ...]
    """The reference's first, in the comparison's order."""
    n_labelled: int = 0
    """Of `redux`: compared questions that have a label, those left out included."""
    by: str = ""
    """Of `weights`: `question_id` or `subject`."""
    n_unused: int = 0
    """Of `weights`: names that no compared question or subject has."""
