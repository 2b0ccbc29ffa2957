"""Whether a candidate loses more than a margin. See `intervals` for the arguments' meaning."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ggufeval.stats.floor import noise, reach
from ggufeval.stats.intervals import effective_n, normal_quantile
from ggufeval.stats.paired import mover
from ggufeval.types import Judgement, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from ggufeval.types import Estimate, Floor

_ROUNDING = 1e-12
"""Of sums of floats: a loss of exactly the margin must not pass it. No answer weighs so little."""


def judge(
    lost: ArrayLike,
    won: ArrayLike,
    sizes: ArrayLike,
    weights: ArrayLike,
    *,
    n_candidates: int = 1,
    margin: float = 0.01,
    alpha: float = 0.05,
    floors: Sequence[Floor] = (),
) -> Judgement:
    """Judge one of k candidates by MOVER's interval of level 1 - 2 alpha/k.

    Each end of it is a one-sided bound at alpha/k. `within`: low >= -M; `worse`: high < -M; else
    undecided. One of the two hypotheses is true, so that one of the verdicts alone can be false:
    alpha is not split over them. Over the candidates it is (Bonferroni), and any verdict is false
    with probability alpha at most. As a test of `within` this is one of noninferiority: Tango,
    "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Stat. Med. 17 (1998). For a number of questions that was fixed
    beforehand.

    `floors` are the flip floors of the reference and the candidate, as far as they are known:
    their noise is added to the variance. No loss is dismissed because about as many answers flip by
    themselves.
    """
    level = 1 - 2 * alpha / n_candidates
    size = effective_n(sizes, weights)
    variance = noise(floors, size)
    interval = _widened(mover(lost, won, sizes, weights, level=level), variance)
    return Judgement(
        verdict=verdict_of(interval, margin),
        interval=interval,
        detectable=_detectable(lost, won, sizes, weights, level=level, variance=variance),
        arithmetic=reach(floors, size, level) if floors else None,
    )


def _widened(interval: Estimate, variance: float) -> Estimate:
    """Add a normal error of no bias: each arm a becomes sqrt(a^2 + z^2 variance)."""
    if not variance:
        return interval
    error = normal_quantile(interval.level) * math.sqrt(variance)
    low = interval.value - math.hypot(interval.value - interval.low, error)
    high = interval.value + math.hypot(interval.high - interval.value, error)
    return replace(interval, low=max(-1.0, low), high=min(1.0, high))


def verdict_of(interval: Estimate, margin: float) -> Verdict:
    """By which side of minus the margin the interval lies on."""
    if interval.low >= -margin - _ROUNDING:
        return Verdict.WITHIN
    if interval.high < -margin - _ROUNDING:
        return Verdict.WORSE
    return Verdict.UNDECIDED


def _detectable(
    lost: ArrayLike,
    won: ArrayLike,
    sizes: ArrayLike,
    weights: ArrayLike,
    *,
    level: float,
    variance: float,
) -> float:
    """Half the width h that the interval would have with p_b = p_c = (p_b + p_c)/2.

    A candidate that flips as many answers and loses none on balance is `within` at every margin
    from h on, and at none below. At a margin M, `within` needs a loss of about M - h or less, and
    `worse` one of about M + h or more.
    """
    half = (np.asarray(lost, dtype=float) + np.asarray(won, dtype=float)) / 2
    return _widened(mover(half, half, sizes, weights, level=level), variance).high
