"""A candidate against a reference on one sample: what was lost and won, micro and macro."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ggufeval.stats.paired import discordance, mcnemar_midp, mover
from ggufeval.types import Difference

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ggufeval.stats.sample import Answers, Sample


def difference(
    reference: Answers, candidate: Answers, sample: Sample, *, level: float = 0.95
) -> Difference:
    """Candidate minus reference on one sample, micro and macro.

    Lost, won and changed count records. McNemar's p is NaN where a question has several: his test
    takes each for an independent one.
    """
    flips = discordance(reference, candidate)
    lost, won = sample.count(flips.lost), sample.count(flips.won)
    n_lost, n_won = int(flips.lost.sum()), int(flips.won.sum())
    return Difference(
        lost=n_lost,
        won=n_won,
        changed=int(flips.changed.sum()),
        micro=mover(*micro_counts(reference, candidate, sample), level=level),
        macro=mover(lost, won, sample.sizes, sample.macro_weights, level=level),
        mcnemar_p=math.nan if sample.has_rotations else mcnemar_midp(n_lost, n_won),
    )


def micro_counts(
    reference: Answers, candidate: Answers, sample: Sample
) -> tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]:
    """Lost, won, sizes and weights of the micro difference: one subject, where all are alike."""
    flips = discordance(reference, candidate)
    lost, won = sample.count(flips.lost), sample.count(flips.won)
    if sample.is_stratified:
        return lost, won, sample.sizes, sample.shares
    return [lost.sum()], [won.sum()], [sample.n], [1.0]
