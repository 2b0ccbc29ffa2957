"""A run beside the answers that somebody else recorded to the same questions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ggufeval.errors import ComparisonError
from ggufeval.stats.differences import difference
from ggufeval.stats.sample import Answers, Sample
from ggufeval.stats.scores import macro_accuracy, micro_accuracy
from ggufeval.types import Replication

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ggufeval.types import RunResult


def replication(
    result: RunResult, recorded: Mapping[str, int | None], *, level: float = 0.95
) -> Replication:
    """Compare a run with recorded answers (question id -> choice; None: unread), paired.

    What was recorded is the reference. It was asked as the question stands, so of a run with
    rotations only the first counts. ComparisonError where no question is common to both.
    """
    by_id = {q.id: q for q in result.questions}
    records = [r for r in result.records if r.question_id in recorded and r.rotation == 0]
    if not records:
        raise ComparisonError(
            f"No question of the run {result.run.id} of {result.run.model.label} has a recorded "
            "answer. Repeat its command with the rows that it was asked from."
        )
    questions = [by_id[r.question_id] for r in records]
    letters = [recorded[r.question_id] for r in records]
    # Whatever else a record says is this run's, and nothing here looks at it.
    as_records = [
        replace(r, letter=letter, correct=letter == q.answer, parse_error=None)
        for r, q, letter in zip(records, questions, letters, strict=True)
    ]
    ours, theirs = Answers.of(records), Answers.of(as_records)
    sample = Sample.of(questions, result.run.design, result.run.population)
    return Replication(
        n=sample.n,
        ours=micro_accuracy(ours, sample, level),
        theirs=micro_accuracy(theirs, sample, level),
        ours_macro=macro_accuracy(ours, sample, level),
        theirs_macro=macro_accuracy(theirs, sample, level),
        n_same=int((ours.letters == theirs.letters).sum()),
        difference=difference(theirs, ours, sample, level=level),
    )
