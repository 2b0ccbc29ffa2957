"""Means over questions that do not count the same, with their intervals.

`weights` are a_i, one a question (length n), 0 or more, and sum to 1. Everything speaks about
"questions like these", each drawn together with its weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ggufeval.stats.intervals import effective_n, wilson_limits
from ggufeval.stats.paired import mover_of_shares
from ggufeval.types import Estimate

if TYPE_CHECKING:
    from ggufeval.stats.sample import Floats


def weighted_share(hits: Floats, weights: Floats, level: float = 0.95) -> Estimate:
    """p = sum a_i y_i, y_i in [0, 1] (`hits`, length n), with Wilson's interval.

    Its size is that of `weighted_size` with the variance p(1-p) of one question.
    """
    p = min(1.0, float(weights @ hits))
    low, high = wilson_limits(p, weighted_size(hits, weights, p * (1 - p)), level)
    return Estimate(p, low, high, level)


def weighted_difference(
    lost: Floats, won: Floats, weights: Floats, level: float = 0.95
) -> Estimate:
    """Delta = p_c - p_b with p_b = sum a_i b_i, p_c = sum a_i c_i, and MOVER's paired interval.

    `lost` and `won` are b_i and c_i in [0, 1] (length n). See `paired.mover`; the size is that of
    `weighted_size` for d_i = c_i - b_i, whose variance in one question is p_b + p_c - Delta^2 at
    most.
    """
    p_b, p_c = (min(1.0, float(weights @ each)) for each in (lost, won))
    spread = p_b + p_c - (p_c - p_b) ** 2
    return mover_of_shares(p_b, p_c, weighted_size(won - lost, weights, spread), level)


def weighted_size(values: Floats, weights: Floats, spread: float) -> float:
    """The size of the simple random sample that would be as precise: min(n_e, spread / SE^2).

    n_e = (sum a_i)^2 / sum a_i^2 (Kish, "Survey Sampling", 1965) holds where a weight says nothing
    about its question. Where the heavy ones vary more, SE^2 = sum a_i^2 (v_i - v)^2, v = sum a_i
    v_i, is greater than spread / n_e: the linearised variance of a weighted mean (Saerndal,
    Swensson and Wretman, "Model Assisted Survey Sampling", 1992, section 5.7). `spread` is the
    variance of one question's value. That SE^2 is an estimate, from the few that have flipped: it
    may make the size smaller, never greater. With equal weights both are n.
    """
    size = effective_n(1.0, weights)
    variance = float(weights**2 @ (values - weights @ values) ** 2)
    # Of values that are all alike rounding may leave one of the two.
    return min(size, spread / variance) if min(spread, variance) > 0 else size


def normalised(weights: Floats) -> Floats:
    """So that they sum to 1; they must not all be 0."""
    # First by the greatest: the sum of great ones may be infinite.
    scaled = weights / np.max(weights)
    found: Floats = scaled / scaled.sum()
    return found
