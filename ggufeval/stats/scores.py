"""How one run did, by itself."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from ggufeval.errors import ComparisonError
from ggufeval.stats.intervals import stratified
from ggufeval.stats.positions import micro_share, positions, shown
from ggufeval.stats.sample import UNREAD, Answers, Sample
from ggufeval.types import Score

if TYPE_CHECKING:
    from ggufeval.types import Estimate, Run, RunResult


def score(result: RunResult, *, level: float = 0.95) -> Score:
    """Score all that a run has recorded, finished or not.

    The intervals speak about "questions like these". Micro is every question alike: the plain mean
    with Wilson's interval, or, of equal numbers a subject, the mean with weights N_k / N. Macro is
    every subject alike; subjects without a recorded question (a small random sample, an
    unfinished run) are left out of both kinds of weights. A question in several rotations counts
    as their mean.

    ComparisonError where nothing is recorded.
    """
    if not result.records:
        raise ComparisonError(
            f"The run {result.run.id} of {result.run.model.label} has no answers yet; "
            "repeat its command to go on with it."
        )
    by_id = {q.id: q for q in result.questions}
    questions = [by_id[r.question_id] for r in result.records]
    rotations = [r.rotation for r in result.records]
    sample = Sample.of(questions, result.run.design, result.run.population, rotations)
    return score_answers(result.run, Answers.of(result.records), sample, level=level)


def score_answers(run: Run, answers: Answers, sample: Sample, *, level: float) -> Score:
    """Score the answers to one sample; speeds are the whole run's."""
    read = answers.letters != UNREAD
    letters = shown(answers.letters, sample)[read]
    kinds = Counter(error.partition(":")[0] for error in answers.errors)
    return Score(
        run=run,
        n=sample.n,
        n_correct=int(answers.correct.sum()),
        micro=micro_accuracy(answers, sample, level),
        macro=macro_accuracy(answers, sample, level),
        letter_mass=float(answers.masses.mean()),
        letter_counts=tuple(
            int(n) for n in np.bincount(letters, minlength=int(sample.n_choices.max()))
        ),
        n_unread=int((~read).sum()),
        questions_per_second=run.n_done / run.seconds if run.seconds > 0 else 0.0,
        tokens_per_second=run.n_tokens / run.seconds if run.seconds > 0 else 0.0,
        n_partial=int(answers.partial.sum()),
        n_unparsed=kinds["unparsed"],
        n_no_choice=kinds["no choice"],
        summed=_summed(answers, sample, level) if run.fingerprint.read == "cloze" else None,
        positions=positions(answers, sample, level) if sample.rotations.any() else None,
    )


def micro_accuracy(answers: Answers, sample: Sample, level: float) -> Estimate:
    """Share of the questions that are right, each question of the whole set counting the same."""
    return micro_share(answers.correct, sample, level)


def macro_accuracy(answers: Answers, sample: Sample, level: float) -> Estimate:
    """Mean of the subjects' accuracies, each subject counting the same."""
    right = sample.count(answers.correct)
    return stratified(right, sample.sizes, sample.macro_weights, level=level)


def _summed(answers: Answers, sample: Sample, level: float) -> Estimate:
    """Micro accuracy of the choices whose texts are likeliest as a whole, however long."""
    return micro_share(answers.summed == sample.gold[sample.asked], sample, level)
