"""`--budget n`: the reference on all N questions, a candidate on a simple random n of them.

What the reference does to the N - n questions that the candidate never saw is known, and most of
a candidate's answers are the reference's. So the sample is sorted by it (post-stratified): W1 and
W0 are the shares of the N questions that the reference has right and wrong; b of the n1 sampled
ones that it has right are `lost`, c of the n0 that it has wrong are `won`. Only these shares are
guessed. With a reference that is right or wrong, this is the regression estimate.

Cochran, "Sampling Techniques" (1977), chapters 5A and 7. Not for samples with equal numbers a
subject, which are no simple random ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ggufeval.stats.intervals import wilson_limits
from ggufeval.types import Estimate


@dataclass(frozen=True, slots=True)
class Subset:
    """What a candidate did on a simple random sample of the questions. Counts, not shares."""

    n_right: int
    """Of all N, those that the reference has right; W1 = n_right / N."""
    n_wrong: int
    sampled_right: int
    """n1: of the n sampled, those that the reference has right."""
    sampled_wrong: int
    lost: int
    """Of `sampled_right`, those that the candidate has wrong (b)."""
    won: int
    """Of `sampled_wrong`, those that the candidate has right (c)."""

    def __post_init__(self) -> None:
        if not 0 < self.n <= self.n_population:
            raise ValueError(
                f"A sample has between 1 and all of the {self.n_population} questions; "
                f"found {self.n}."
            )
        if not (
            0 <= self.lost <= self.sampled_right <= self.n_right
            and 0 <= self.won <= self.sampled_wrong <= self.n_wrong
        ):
            raise ValueError(f"A part is larger than its whole: {self}.")

    @property
    def n(self) -> int:
        return self.sampled_right + self.sampled_wrong

    @property
    def n_population(self) -> int:
        return self.n_right + self.n_wrong

    def difference(self, *, level: float = 0.95) -> Estimate:
        """Candidate minus reference on *these questions*, Delta = W0 p_c - W1 p_b.

        p_b = b/n1, p_c = c/n0; l and u are their Wilson limits with n1/(1 - n/N) and n0/(1 - n/N)
        trials;
        low  = Delta - sqrt[W0^2 (p_c - l_c)^2 + W1^2 (u_b - p_b)^2],
        high = Delta + sqrt[W0^2 (u_c - p_c)^2 + W1^2 (p_b - l_b)^2].

        MOVER, as in `paired.mover`: of n1 and n0, b and c are independent. The width is zero where
        n = N. Where none of a kind was sampled its share is taken as 0, with limits 0 and 1.
        """
        w1, w0 = self.n_right / self.n_population, self.n_wrong / self.n_population
        unseen = 1 - self.n / self.n_population
        p_b, l_b, u_b = _share(self.lost, self.sampled_right, unseen, level)
        p_c, l_c, u_c = _share(self.won, self.sampled_wrong, unseen, level)
        delta = w0 * p_c - w1 * p_b
        low = delta - math.hypot(w0 * (p_c - l_c), w1 * (u_b - p_b))
        high = delta + math.hypot(w0 * (u_c - p_c), w1 * (p_b - l_b))
        # No more can be lost than was right, nor won than was wrong.
        return Estimate(delta, max(-w1, low), min(w0, high), level)

    def accuracy(self, *, level: float = 0.95) -> Estimate:
        """The candidate's on all N: the reference's, which is known, plus Delta."""
        w1 = self.n_right / self.n_population
        delta = self.difference(level=level)
        return Estimate(w1 + delta.value, w1 + delta.low, w1 + delta.high, level)


def _share(count: int, sampled: int, unseen: float, level: float) -> tuple[float, float, float]:
    """Return a share of one kind of question, and its limits."""
    if not sampled:
        return 0.0, 0.0, 1.0
    p = count / sampled
    return p, *wilson_limits(p, sampled / unseen if unseen > 0 else math.inf, level)
