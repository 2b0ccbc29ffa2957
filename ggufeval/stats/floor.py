"""The flip floor: how many answers of one file flip when nothing but its batches changes.

llama.cpp's logits depend on which rows are computed together. With the batches drawn at random, a
question is right with a probability q of its own; two runs disagree on it with probability
2q(1-q), and the variance of one run's answer around q is q(1-q), half of that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ggufeval.stats.intervals import normal_quantile, wilson
from ggufeval.stats.paired import discordance
from ggufeval.stats.sample import Answers
from ggufeval.types import Floor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ggufeval.stats.sample import Floats
    from ggufeval.types import Repeat


def floor(repeat: Repeat, *, level: float = 0.95) -> Floor:
    """F = flips / n between two runs of one file. Neither is the right one."""
    one, other = (Answers.of(records) for records in zip(*repeat.pairs, strict=True))
    found = discordance(one, other)
    n, flips = len(repeat.pairs), int((found.lost | found.won).sum())
    changed, share = int(found.changed.sum()), wilson(flips, n, level)
    return Floor(n, flips, changed, share, _moved(one.logits, other.logits))


def _moved(one: Floats, other: Floats) -> float:
    """The greatest change; where a question has fewer choices than others, rows end in -inf."""
    both = np.isfinite(one) & np.isfinite(other)
    changes = np.abs(one[both] - other[both])
    return float(changes.max()) if changes.size else math.nan


def noise(floors: Iterable[Floor], size: float) -> float:
    """What the arithmetic adds to the variance of a difference: (F_ref + F_cand) / 2n.

    A floor that is not known adds nothing. `size` is that of the sample, or `effective_n`.
    """
    return sum(each.share.value for each in floors) / (2 * size)


def reach(floors: Iterable[Floor], size: float, level: float) -> float:
    """How far other batches may move a difference on the same questions, either way.

    h = z sqrt[(F_ref + F_cand) / 2n] with each F at its upper limit: a zero out of a few answers
    is no proof that none flips.
    """
    variance = sum(each.share.high for each in floors) / (2 * size)
    return normal_quantile(level) * math.sqrt(variance)
