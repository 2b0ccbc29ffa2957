"""The comparison once more, on part of its questions or with weights of one's own.

One estimator serves all views: the weighted mean of `weighted`, each question i with a weight
a_i = u_i w_i. w_i is what the view says: 0 for a question that is marked as defective and 1 for
the others, or the weight that the user gave. u_i undoes the draw: N_k/(N n_k) where equal numbers
were drawn from each subject, 1/n otherwise. Where subjects have weights W_k, each as a whole,
a_i = W_k/n_k, however they were drawn. A question in several rotations is one, their mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ggufeval.errors import ComparisonError
from ggufeval.stats.intervals import effective_n
from ggufeval.stats.paired import discordance
from ggufeval.stats.weighted import normalised, weighted_difference, weighted_share
from ggufeval.types import Labels, View, ViewScore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.stats.sample import Answers, Floats, Sample
    from ggufeval.types import Question, Run, Weights

_NAMED = 3
"""So many of what is missing are named in an error."""


def view(
    asked: Labels | Weights,
    runs: Sequence[Run],
    answers: Sequence[Answers],
    sample: Sample,
    questions: Sequence[Question],
    *,
    level: float = 0.95,
) -> View:
    """Score all runs, the reference first, as `asked`; `questions` are the sample's n, in order.

    ComparisonError where none of them has a label, where one has no weight, and where none is
    left.
    """
    if isinstance(asked, Labels):
        name, by, n_unused = "redux", "", 0
        labels = [asked.of(question) for question in questions]
        n_labelled = sum(label is not None for label in labels)
        if not n_labelled:
            raise ComparisonError(
                f"None of the {sample.n:,} questions compared has a label in {asked.source}: "
                "expected questions of MMLU's split `test`. Leave out --redux."
            )
        given = np.array([not label for label in labels], dtype=np.float64)
    else:
        name, by, n_labelled = "weights", asked.by, 0
        names = _names(asked, questions)
        n_unused = len(asked.values.keys() - set(names))
        given = _given(asked, names)
    counts = given > 0
    if not counts.any():
        raise ComparisonError(
            f"None of the {sample.n:,} questions compared is left: in {asked.source} all of them "
            "are defective, or have the weight 0."
        )
    weights = normalised(given * _drawn(sample, whole_subjects=by == "subject"))
    return View(
        name=name,
        source=asked.source,
        n=int(counts.sum()),
        n_left_out=int((~counts).sum()),
        n_effective=effective_n(1.0, weights),
        scores=tuple(
            _score(
                run,
                theirs,
                sample,
                weights,
                reference=answers[0] if i else None,
                level=level,
            )
            for i, (run, theirs) in enumerate(zip(runs, answers, strict=True))
        ),
        n_labelled=n_labelled,
        by=by,
        n_unused=n_unused,
    )


def _drawn(sample: Sample, *, whole_subjects: bool) -> Floats:
    """u_i of each question (length n), up to a factor; 1/n_k where subjects count as a whole."""
    share = np.ones(len(sample.subjects)) if whole_subjects else sample.shares
    if not (whole_subjects or sample.is_stratified):
        return np.ones(sample.n)
    found: Floats = (share / sample.sizes)[sample.stratum]
    return found


def _names(asked: Weights, questions: Sequence[Question]) -> list[str]:
    return [q.subject if asked.by == "subject" else q.id for q in questions]


def _given(asked: Weights, names: Sequence[str]) -> Floats:
    """w_i of each question (length n), by name. ComparisonError where one has none."""
    missing = dict.fromkeys(name for name in names if name not in asked.values)
    if missing and asked.default is None:
        some = ", ".join(list(missing)[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
        what = "subjects" if asked.by == "subject" else "questions"
        raise ComparisonError(
            f"{asked.source} has no weight for {len(missing):,} of the {len(set(names)):,} {what} "
            f"compared ({some}). Add them, or a row * for all others."
        )
    weights = [asked.values.get(name, asked.default) for name in names]
    return np.array(weights, dtype=np.float64)


def _score(
    run: Run,
    answers: Answers,
    sample: Sample,
    weights: Floats,
    *,
    reference: Answers | None,
    level: float,
) -> ViewScore:
    accuracy = weighted_share(sample.means(answers.correct), weights, level)
    if reference is None:
        return ViewScore(run.id, accuracy)
    flips = discordance(reference, answers)
    counted = weights[sample.asked] > 0
    return ViewScore(
        run.id,
        accuracy,
        weighted_difference(sample.means(flips.lost), sample.means(flips.won), weights, level),
        lost=int((flips.lost & counted).sum()),
        won=int((flips.won & counted).sum()),
    )
