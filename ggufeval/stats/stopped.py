"""Candidates against a reference, where runs ended before their plan: see `sequential`, `subset`.

The plan's questions stand in a random order, and a pair of runs is compared on the first of them
that both have answered, without a gap. How many these are is the candidate's own affair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ggufeval.errors import ComparisonError
from ggufeval.stats.alarms import (
    guesses,
    letter_alarms,
    of_prompts,
    reference_alarms,
    score_alarms,
)
from ggufeval.stats.divergence import divergence
from ggufeval.stats.paired import discordance
from ggufeval.stats.sample import Answers, Sample
from ggufeval.stats.scores import score_answers
from ggufeval.stats.sequential import SequentialTest, confidence_sequence
from ggufeval.stats.subset import Subset
from ggufeval.stats.verdict import verdict_of
from ggufeval.types import (
    Candidate,
    Comparison,
    Design,
    Difference,
    Estimate,
    Judgement,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.types import Divergence, Question, Record, RunResult, Score

_Pairs: TypeAlias = "Sequence[tuple[Question, Record]]"
_NONE = Estimate(math.nan, math.nan, math.nan)


def compare_stopped(
    reference: RunResult,
    candidates: Sequence[RunResult],
    *,
    margin: float,
    alpha: float,
    level: float,
) -> Comparison:
    """Compare runs over one plan with a random order, of which some may have ended early.

    Of `verdict` runs the intervals are confidence sequences, and the verdicts those of the
    sequential test; k is the number of candidates here. Of `budget` runs the candidates are a
    simple random sample inside the reference's answers, and compared once the reference has all.
    Both speak of *these questions*, all of the plan's. There is no macro average, and no McNemar.

    ComparisonError where a run has no answer to the plan's first question.
    """
    rule = reference.run.fingerprint.stopping
    compare = _sampled if rule.startswith("budget") else _raced
    answered = _answered(reference)
    scored = _score(reference, answered, level)
    found = [
        compare(answered, candidate, _Judging(margin, alpha, len(candidates), level))
        for candidate in candidates
    ]
    chance = float(np.mean([1 / len(question.choices) for question in reference.questions]))
    at_chance = guesses(scored.n_correct, scored.n, chance)
    scores = [scored, *(item.score for item in found)]
    return Comparison(
        reference=scored,
        candidates=tuple(replace(c, judgement=None) if at_chance else c for c in found),
        n_questions=scored.n,
        n_population=reference.run.n_questions,
        n_subjects=len(reference.run.population),
        design=reference.run.design,
        chance=chance,
        reference_at_chance=at_chance,
        alarms=(
            *of_prompts((reference, *candidates), "faults"),
            *(reference_alarms(scored) if candidates else ()),
            *score_alarms(scores, chance),
            *(alarm for score in scores[1:] for alarm in letter_alarms(scored, score)),
        ),
        margin=margin,
        alpha=alpha,
        stopping=rule,
        remarks=tuple(of_prompts((reference, *candidates), "remarks")),
    )


@dataclass(frozen=True, slots=True)
class _Judging:
    margin: float
    alpha: float
    n_candidates: int
    level: float

    @property
    def level_beside(self) -> float:
        """Of the interval that a verdict follows from."""
        return 1 - 2 * self.alpha / self.n_candidates


def _answered(result: RunResult) -> _Pairs:
    """What is answered of the plan, up to the first gap. Results come in the plan's order."""
    positions = result.positions or range(len(result.questions))
    whole = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], enumerate(positions)))
    by_id = {record.question_id: record for record in result.records}
    found = [(question, by_id[question.id]) for question in result.questions[:whole]]
    if not found:
        raise ComparisonError(
            f"The run {result.run.id} of {result.run.model.label} has no round of answers yet; "
            "repeat its command to go on with it."
        )
    return found


def _score(result: RunResult, answered: _Pairs, level: float) -> Score:
    """Micro accuracy on all of the plan, with its confidence sequence; exact at the plan's end."""
    sample, answers = _arrays(result, answered)
    x = 2 * answers.correct.astype(np.int_) - 1
    doubled = confidence_sequence(x, result.run.n_questions, level=level)
    micro = Estimate((doubled.value + 1) / 2, (doubled.low + 1) / 2, (doubled.high + 1) / 2, level)
    return replace(
        score_answers(result.run, answers, sample, level=level), micro=micro, macro=_NONE
    )


def _replaced(score: Score, micro: Estimate) -> Score:
    """With an accuracy that an early end allows, and none that it does not."""
    return replace(score, micro=micro, macro=_NONE, summed=None)


def _raced(reference: _Pairs, candidate: RunResult, how: _Judging) -> Candidate:
    """By the sequential test, on what both have answered."""
    n_plan = candidate.run.n_questions
    mine = _answered(candidate)
    n = min(len(mine), len(reference))
    pair = _Pair.of(candidate, reference[:n], mine[:n])
    d = pair.theirs.correct.astype(np.int_) - pair.ours.correct.astype(np.int_)
    test = SequentialTest(n_plan, how.margin, how.n_candidates, how.alpha).after(d)
    interval = confidence_sequence(d, n_plan, level=how.level_beside)
    return Candidate(
        score=_score(candidate, mine, how.level),
        difference=pair.difference(confidence_sequence(d, n_plan, level=how.level)),
        judgement=Judgement(test.verdict, interval, math.nan, test.n_stop or 0),
        divergence=pair.divergence(),
    )


def _sampled(reference: _Pairs, candidate: RunResult, how: _Judging) -> Candidate:
    """By post-stratification, on what the candidate was asked; the reference has answered all."""
    n_plan, budget = candidate.run.n_questions, int(candidate.run.fingerprint.stopping.split()[1])
    mine = _answered(candidate)
    n = len(mine)
    if len(reference) < n_plan or n < budget:
        raise ComparisonError(
            f"{candidate.run.model.label}: {n_plan:,} answers of the reference and {budget:,} of "
            f"it were expected, found {len(reference):,} and {n:,}. Repeat the sweep's command to "
            "go on."
        )
    pair = _Pair.of(candidate, reference[:n], mine)
    subset = _subset(reference, pair)
    interval = subset.difference(level=how.level_beside)
    score = score_answers(candidate.run, pair.theirs, pair.sample, level=how.level)
    return Candidate(
        score=_replaced(score, subset.accuracy(level=how.level)),
        difference=pair.difference(subset.difference(level=how.level)),
        judgement=Judgement(verdict_of(interval, how.margin), interval, math.nan),
        divergence=pair.divergence(),
    )


def _subset(reference: _Pairs, pair: _Pair) -> Subset:
    right = sum(record.correct for _, record in reference)
    sampled = int(pair.ours.correct.sum())
    flips = discordance(pair.ours, pair.theirs)
    return Subset(
        n_right=right,
        n_wrong=len(reference) - right,
        sampled_right=sampled,
        sampled_wrong=pair.sample.n - sampled,
        lost=int(flips.lost.sum()),
        won=int(flips.won.sum()),
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    """The reference's and a candidate's answers to the same questions."""

    sample: Sample
    ours: Answers
    theirs: Answers
    by_letter: bool

    @classmethod
    def of(cls, candidate: RunResult, reference: _Pairs, mine: _Pairs) -> _Pair:
        for (asked, _), (other, _) in zip(reference, mine, strict=True):
            if asked != other:
                raise ComparisonError(
                    f"The question {asked.id} is not the same for {candidate.run.model.label} as "
                    "for the reference. Run both over the same file of questions."
                )
        sample, theirs = _arrays(candidate, mine)
        ours = Answers.of([record for _, record in reference])
        return cls(sample, ours, theirs, candidate.run.fingerprint.read == "letter")

    def difference(self, micro: Estimate) -> Difference:
        flips = discordance(self.ours, self.theirs)
        return Difference(
            lost=int(flips.lost.sum()),
            won=int(flips.won.sum()),
            changed=int(flips.changed.sum()),
            micro=micro,
            macro=_NONE,
            mcnemar_p=math.nan,
        )

    def divergence(self) -> Divergence | None:
        return divergence(self.ours, self.theirs, self.sample) if self.by_letter else None


def _arrays(result: RunResult, answered: _Pairs) -> tuple[Sample, Answers]:
    questions = [question for question, _ in answered]
    sample = Sample.of(questions, Design.RANDOM, result.run.population)
    return sample, Answers.of([record for _, record in answered])
