"""Whether a run comes out where somebody else's did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ggufeval.stats.intervals import stratified, wilson
from ggufeval.stats.sample import Answers, Sample
from ggufeval.types import Agreement

if TYPE_CHECKING:
    from ggufeval.types import Estimate, PublishedScore, Run, RunResult


def agreement(result: RunResult, published: PublishedScore, *, level: float = 0.95) -> Agreement:
    """Hold a run against a figure that was measured on all questions of its set.

    The interval is that of these questions: with the finite-population correction, and of no width
    where all of them were asked (Cochran, "Sampling Techniques", 1977). ValueError where nothing
    is recorded.
    """
    by_id = {question.id: question for question in result.questions}
    questions = [by_id[record.question_id] for record in result.records]
    population = result.run.population
    sample = Sample.of(questions, result.run.design, population)
    return Agreement(
        measured=_accuracy(Answers.of(result.records), sample, result.run, published, level),
        published=published,
        n=sample.n,
        n_population=sum(population.values()),
    )


def _accuracy(
    answers: Answers, sample: Sample, run: Run, published: PublishedScore, level: float
) -> Estimate:
    right = sample.count(answers.correct)
    whole = np.array([run.population[subject] for subject in sample.subjects])
    fractions = sample.sizes / whole
    if published.average == "macro":
        return stratified(
            right, sample.sizes, sample.macro_weights, fractions=fractions, level=level
        )
    if sample.is_stratified:
        return stratified(right, sample.sizes, sample.shares, fractions=fractions, level=level)
    return wilson(float(right.sum()), sample.n, level, fraction=sample.n / int(whole.sum()))
