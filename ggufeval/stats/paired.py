"""The same questions put to two models: what changed, by how much, and could it be chance.

Everywhere b = `lost` (right in the reference, wrong in the candidate), c = `won` (the reverse)
and w = `changed` (wrong in both, with another letter). See `intervals` for the arguments that
have one entry a subject.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom, binomtest

from ggufeval.stats.intervals import effective_n, wilson_limits
from ggufeval.types import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from ggufeval.stats.sample import Answers, Bools


@dataclass(frozen=True, slots=True)
class Discordance:
    """Which questions were answered otherwise; three masks of length m, no record in two."""

    lost: Bools
    won: Bools
    changed: Bools


def discordance(reference: Answers, candidate: Answers) -> Discordance:
    """Compare answers record by record; both hold the same questions in the same order.

    An answer that could not be read is an answer of its own: between it and a wrong letter
    something changed.
    """
    return Discordance(
        lost=reference.correct & ~candidate.correct,
        won=~reference.correct & candidate.correct,
        changed=~reference.correct & ~candidate.correct & (reference.letters != candidate.letters),
    )


def mcnemar_midp(lost: int, won: int) -> float:
    """Two-sided mid-p value of McNemar's test: the exact binomial p minus pmf(min(b, c)).

    Fagerland, Lydersen and Laake, "The McNemar test for binary matched-pairs data", BMC Med. Res.
    Methodol. 13:91 (2013). Where b = c they have 1 - pmf(b)/2; here it is 1, as nothing
    speaks for a difference. Only for a sample size fixed beforehand; invalid after early stopping.
    """
    if lost == won:
        return 1.0
    fewer, flips = min(lost, won), lost + won
    exact = float(binomtest(fewer, flips, 0.5).pvalue)
    # Of a p near the least float, rounding must not leave less than nothing.
    return max(0.0, exact - float(binom.pmf(fewer, flips, 0.5)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values, in the order given: the greatest of (m - j + 1) p_(j) up to their rank.

    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979).
    Rejecting those at or below alpha errs on any true hypothesis with probability alpha at most.
    """
    adjusted = [0.0] * len(p_values)
    greatest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        greatest = max(greatest, (len(p_values) - rank) * p_values[i])
        adjusted[i] = min(1.0, greatest)
    return tuple(adjusted)


def mover(
    lost: ArrayLike,
    won: ArrayLike,
    sizes: ArrayLike,
    weights: ArrayLike,
    *,
    fractions: ArrayLike = 0.0,
    level: float = 0.95,
) -> Estimate:
    """Candidate minus reference, Delta = p_c - p_b, with its paired interval.

    p_b = sum W_k b_k/n_k, p_c = sum W_k c_k/n_k; l and u are their Wilson limits with n_e trials;
    low  = Delta - sqrt(A^2 + B^2 - 2rAB), A = p_c - l_c, B = u_b - p_b;
    high = Delta + sqrt(A^2 + B^2 - 2rAB), A = u_c - p_c, B = p_b - l_b.

    MOVER, "method of variance estimates recovery": Zou and Donner, "Construction of confidence
    limits about effect measures", Stat. Med. 27 (2008). A simple random sample is one subject of
    weight 1. The width is zero where every f_k = 1. Counts may be fractional, see `sample`: the
    mean d of values -1, 0 and 1 has E[d^2] <= p_b + p_c, as one of them alone.
    """
    n, w = np.asarray(sizes, dtype=float), np.asarray(weights, dtype=float)
    p_b = min(1.0, float(w @ (np.asarray(lost) / n)))
    p_c = min(1.0, float(w @ (np.asarray(won) / n)))
    return mover_of_shares(p_b, p_c, effective_n(n, w, fractions), level)


def mover_of_shares(p_b: float, p_c: float, size: float, level: float = 0.95) -> Estimate:
    """As `mover`, of the two shares themselves, with the size n_e of their sample."""
    l_b, u_b = wilson_limits(p_b, size, level)
    l_c, u_c = wilson_limits(p_c, size, level)
    r = _correlation(p_b, p_c)
    delta = p_c - p_b
    low = delta - _recovered(p_c - l_c, u_b - p_b, r)
    high = delta + _recovered(u_c - p_c, p_b - l_b, r)
    return Estimate(delta, max(-1.0, low), min(1.0, high), level)


def _correlation(p_b: float, p_c: float) -> float:
    """Return that of two shares of one multinomial: -sqrt[p_b p_c / ((1-p_b)(1-p_c))].

    Where a share is 0 or 1 it does not vary, and the correlation is taken as 0.
    """
    if min(p_b, p_c) <= 0 or max(p_b, p_c) >= 1:
        return 0.0
    # At p_b + p_c = 1 the two are mirror images; rounding must not pass -1.
    return -min(1.0, math.sqrt(p_b * p_c / ((1 - p_b) * (1 - p_c))))


def _recovered(a: float, b: float, r: float) -> float:
    return math.sqrt(a**2 + b**2 - 2 * r * (a * b))
