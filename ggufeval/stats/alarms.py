"""What a reader must know before believing a table: one plain sentence each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ggufeval.stats.intervals import wilson_limits
from ggufeval.types import LETTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ggufeval.types import RunResult, Score

LETTER_SHARE = 0.6
"""A model that gives one letter more often than this has collapsed onto it."""
LETTER_MASS = 0.5
"""Below it the model would rather say something else than a letter."""
LETTER_DISTANCE = 0.05
"""Total variation between two models' letters; low-bit models drift towards one letter."""
MIN_ANSWERS = 20
"""With fewer, chance does it: at 20 one of four letters passes `LETTER_SHARE` 1 time in 1,000."""
MIN_ANSWERS_FOR_DISTANCE = 200


def at_chance(score: Score, chance: float) -> bool:
    """Whether the interval of the micro accuracy holds `chance` or lies below it."""
    return score.micro.low <= chance


def guesses(n_correct: int, n: int, chance: float) -> bool:
    """Whether Wilson's interval of n answers holds `chance` or lies below it; for answers to a
    simple random sample, however the interval of their accuracy is reported."""
    return wilson_limits(n_correct / n, n)[0] <= chance


def letter_distance(counts: Sequence[int], others: Sequence[int]) -> float:
    """Total-variation distance of two histograms, 0 (same shares) to 1: half the sum of |p - q|.

    0 where one of them is empty: nothing can be said.
    """
    p, q = np.asarray(counts, dtype=float), np.asarray(others, dtype=float)
    if not p.sum() or not q.sum():
        return 0.0
    return float(np.abs(p / p.sum() - q / q.sum()).sum() / 2)


def score_alarms(scores: Sequence[Score], chance: float) -> Iterator[str]:
    """Sentences about models by themselves; one a kind, with all the models that it is true of."""
    kinds = (
        (f"Not shown to be better than guessing ({chance:.1%})", partial(_guessing, chance=chance)),
        (f"More than {LETTER_SHARE:.0%} of the answers are one letter", _one_letter),
        (
            (
                f"Less than {LETTER_MASS:.0%} of the probability lies on the letters, so the "
                "prompt style may not suit the model"
            ),
            _low_mass,
        ),
        ("Answers that could not be read, and count as wrong", _unread),
        (
            (
                "The grammar's best first token was only a part of an answer, so generated text "
                "might have answered otherwise"
            ),
            _partial,
        ),
    )
    for sentence, measure in kinds:
        found = [(score.run.model.label, measure(score)) for score in scores]
        if affected := "; ".join(f"{label} {value}" for label, value in found if value):
            yield f"{sentence}: {affected}."


def of_prompts(runs: Sequence[RunResult], kind: str) -> Iterator[str]:
    """What is to be said of the prompts, `faults` or `remarks`, each once, with the models whose
    prompts it is said of, where it is not all."""
    labels: dict[str, list[str]] = {}
    for one in runs:
        for sentence in getattr(one.prompts, kind, ()):
            labels.setdefault(sentence, []).append(one.run.model.label)
    for sentence, affected in labels.items():
        yield sentence if len(affected) == len(runs) else f"{'; '.join(affected)}: {sentence}"


def reference_alarms(reference: Score) -> Iterator[str]:
    """Sentence about a reference that has itself lost something."""
    if source := reference.run.model.requantized_from:
        yield (
            f"The reference was made from a {source} file: what {source} itself costs cannot be "
            "seen here. Start from F16 or BF16 to see it."
        )


def _guessing(score: Score, chance: float) -> str:
    return f"{score.micro.value:.1%}" if at_chance(score, chance) else ""


def _one_letter(score: Score) -> str:
    if score.run.fingerprint.read == "cloze":
        return ""  # it answers a text, whichever letter that has
    answered, most = sum(score.letter_counts), max(score.letter_counts)
    if answered < MIN_ANSWERS or most <= LETTER_SHARE * answered:
        return ""
    return f"{most / answered:.1%} {LETTERS[score.letter_counts.index(most)]}"


def _low_mass(score: Score) -> str:
    # A mass that nobody measured is NaN, and not below anything.
    return f"{score.letter_mass:.1%}" if score.letter_mass < LETTER_MASS else ""


def _unread(score: Score) -> str:
    return f"{score.n_unread:,} of {score.n_answers:,}" if score.n_unread else ""


def _partial(score: Score) -> str:
    return f"{score.n_partial:,} of {score.n_answers:,}" if score.n_partial else ""


def letter_alarms(reference: Score, candidate: Score) -> Iterator[str]:
    """Sentence about letters that a candidate prefers and the reference does not."""
    if candidate.run.fingerprint.read == "cloze":
        return
    distance = letter_distance(candidate.letter_counts, reference.letter_counts)
    if candidate.n >= MIN_ANSWERS_FOR_DISTANCE and distance > LETTER_DISTANCE:
        yield (
            f"{candidate.run.model.label}: it spreads its answers over the letters otherwise than "
            f"{reference.run.model.label} (total-variation distance {distance:.3f})."
        )
