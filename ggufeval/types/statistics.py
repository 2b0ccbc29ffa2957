"""What statistics hand to reports."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ggufeval.types.questions import Design
from ggufeval.types.results import Run

if TYPE_CHECKING:
    from ggufeval.types.views import View
    from ggufeval.types.vocabulary import VocabularyDivergence


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value in [0, 1] or [-1, 1] with its interval. Percent is the reports' business."""

    value: float
    low: float
    high: float
    level: float = 0.95

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Score:
    """How one run did, by itself."""

    run: Run
    n: int
    """Questions, however many rotations of its choices each was asked in."""
    n_correct: int
    """Records that are right: n * micro only where each question has one."""
    micro: Estimate
    macro: Estimate
    letter_mass: float
    """Mean over the answers; NaN where a way of reading does not look at the letters."""
    letter_counts: tuple[int, ...]
    """How often each letter was answered, as it was shown."""
    n_unread: int
    """Answers that could not be read; they count as wrong."""
    questions_per_second: float
    tokens_per_second: float
    n_partial: int = 0
    """Answers where the grammar's best first token was only a part of an answer."""
    summed: Estimate | None = None
    """Micro accuracy by the plain sum of log-probabilities, where the choices' texts were weighed;
    `micro` is then that of the likelihood per byte."""
    positions: Positions | None = None
    """Where every rotation of the choices was asked."""
    n_unparsed: int = 0
    """Of `n_unread`: texts that are not in the form asked for."""
    n_no_choice: int = 0
    """Of `n_unread`: texts in that form that name none of the choices, or several."""
    floor: Floor | None = None
    """None where it was not measured."""

    @property
    def n_answers(self) -> int:
        """Read or not: n, and more where questions were asked in several rotations."""
        return sum(self.letter_counts) + self.n_unread


@dataclass(frozen=True, slots=True)
class Floor:
    """The flip floor: what changes between two runs of one file that differ in their batches."""

    n: int
    """Answers that both runs have, computed with other rows."""
    flips: int
    """Right in one, wrong in the other."""
    changed: int
    """Wrong in both, with different letters."""
    share: Estimate
    """F = flips / n, with Wilson's interval."""
    moved: float = math.nan
    """The greatest change of an answer's logits, in nats; NaN of texts, which have none."""


@dataclass(frozen=True, slots=True)
class Positions:
    """What it matters where a choice stands. Every question counts once, as its rotations' mean."""

    by_position: tuple[Estimate, ...]
    """Micro accuracy where the gold choice stands first, second, ..."""
    same: Estimate
    """Share of the questions that were answered with the same choice in every rotation."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A candidate against the reference, question by question: candidate minus reference."""

    lost: int
    """Records that are right in the reference, wrong in the candidate (b)."""
    won: int
    """Wrong in the reference, right in the candidate (c)."""
    changed: int
    """Wrong in both, with different letters (w)."""
    micro: Estimate
    macro: Estimate
    mcnemar_p: float
    """Mid-p, two-sided; NaN where questions were asked in several rotations."""


@dataclass(frozen=True, slots=True)
class PublishedScore:
    """A figure that somebody has published for a model, and under which conditions."""

    quantization: str
    task: str
    prompt: str
    shots: int
    average: str
    """`macro` or `micro`."""
    accuracy: float
    """In [0, 1]."""
    allowance: float
    """How far another engine's arithmetic, and the figure's own rounding, may move it."""
    source: str
    """Who published it, where."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A run beside a published figure. In [0, 1]."""

    measured: Estimate
    """Its interval speaks of the very questions that the figure was measured on."""
    published: PublishedScore
    n: int
    n_population: int

    @property
    def low(self) -> float:
        """From here to `high` the published figure agrees."""
        return self.measured.low - self.published.allowance

    @property
    def high(self) -> float:
        return self.measured.high + self.published.allowance

    @property
    def agrees(self) -> bool:
        return self.low <= self.published.accuracy <= self.high


class Verdict(StrEnum):
    """What is said of a candidate's loss, held against the margin of the comparison."""

    WITHIN = "within"
    """It loses no more than the margin."""
    WORSE = "worse"
    """It loses more."""
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict on the micro difference, and the interval that it follows from."""

    verdict: Verdict
    interval: Estimate
    """Of the difference, of level 1 - 2 alpha/k for k candidates. `within`: all of it lies at
    minus the margin or above; `worse`: all of it lies below."""
    detectable: float
    """The smallest margin that these questions could have cleared: with as many flips, and none
    lost on balance. NaN where runs may end early."""
    n_stop: int = 0
    """After how many questions it came, where it came from a sequential test; 0 elsewhere."""
    arithmetic: float | None = None
    """How far other batches may move the difference on these very questions, either way, at the
    interval's level; None where no flip floor is known."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far a candidate's probabilities of the choices are from the reference's, over all
    questions asked. Nothing is ranked by it."""

    mean: float
    """KLD(reference||candidate), in nats."""
    standard_error: float
    """Of the mean, over questions like these."""
    median: float
    p99: float
    """99 of 100 questions have a smaller one."""
    maximum: float
    gold_rms: float
    """Root mean square of how far the gold choice's probability moved, in [0, 1]."""
    same: float
    """Share of the answers that are the same, right or wrong."""


@dataclass(frozen=True, slots=True)
class Candidate:
    score: Score
    difference: Difference
    judgement: Judgement | None = None
    """None where the comparison allows no verdict."""
    holm_p: float = math.nan
    """McNemar's p, corrected by Holm for the number of candidates; NaN where there is no p."""
    divergence: Divergence | None = None
    """Where both were read by their letters' logits."""
    vocabulary: VocabularyDivergence | None = None
    """Where both have kept the probabilities of all tokens."""


@dataclass(frozen=True, slots=True)
class GroupScore:
    """How all models did on the questions of one subject or category. Micro inside the group."""

    name: str
    n: int
    accuracies: tuple[Estimate, ...]
    """The reference's first."""
    differences: tuple[Estimate, ...]
    """One a candidate, paired."""


@dataclass(frozen=True, slots=True)
class Decomposition:
    """What a quantized level loses, taken apart: its run, and one of the same weights written out.

    `total.micro.value` is the sum of the other two, and so is macro's.
    """

    run_id: str
    dequantized_id: str
    total: Difference
    """The level against the reference."""
    weights: Difference
    """The same weights written out, against the reference."""
    arithmetic: Difference
    """The level against the same weights written out."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What statistics hand to reports."""

    reference: Score
    candidates: tuple[Candidate, ...]
    n_questions: int
    n_population: int
    n_subjects: int
    design: Design
    chance: float
    """Accuracy of guessing: the mean of 1/k."""
    reference_at_chance: bool
    alarms: tuple[str, ...] = ()
    """One sentence each, what a reader must know before believing the table."""
    margin: float = 0.01
    """What a verdict allows a candidate to lose; 0.01 is one point."""
    alpha: float = 0.05
    """How often any of the verdicts may be false, all candidates together."""
    unjudged: str = ""
    """Why there is no verdict, in one sentence; empty where there is one, or the reference is at
    chance."""
    by: str = ""
    """What the groups are, `subject` or `category`; empty without any."""
    groups: tuple[GroupScore, ...] = ()
    stopping: str = ""
    """`verdict` or `budget 500`, where runs could end before their plan, whose size then is
    `n_population`; each score has an `n` of its own. See `stats.stopped`."""
    decompositions: tuple[Decomposition, ...] = ()
    """One for each candidate that another one is the written-out weights of."""
    views: tuple[View, ...] = ()
    """The models once more, on part of the questions or with other weights; see `stats.views`."""
    remarks: tuple[str, ...] = ()
    """One sentence each, what may be meant so: see `Prompts.remarks`."""


@dataclass(frozen=True, slots=True)
class Replication:
    """A run beside the answers that somebody else recorded to the same questions."""

    n: int
    """Questions that both have answered, or failed to."""
    ours: Estimate
    theirs: Estimate
    """Micro accuracy, both."""
    ours_macro: Estimate
    theirs_macro: Estimate
    n_same: int
    """Questions with the same answer, right or wrong."""
    difference: Difference
    """Ours minus theirs."""
