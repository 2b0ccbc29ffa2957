"""Stopping early: a verdict that may be looked at after every question, and still errs rarely.

The N questions of a plan are asked in one random order, the same for every candidate. d_t is what
the t-th says of the candidate: -1 lost (right in the reference, wrong in the candidate), 1 won,
0 otherwise. The loss of a candidate is -sum(d)/N over all N, *these questions*: a finished plan
leaves nothing to chance. For a margin M there are two verdicts: `within`, the loss is at most M,
and `worse`, it is more.

Whoever bets at fair odds against the truth does not get rich. For `within` the bets are against
"the loss is at least M", with the wealth K_t = prod(1 + lambda_j (x_j - m_j)) over j <= t, where

    x_t = (d_t + 1)/2, m = (1 - M)/2, sums are over j < t,
    m_t = (N m - sum x)/(N - t + 1), what is left of the mean where the loss is exactly M,
    mu = (2.5 + sum x)/(t + 4), s2 = (5 * 0.0125 + sum (x - 1/2)^2)/(t + 4) - (mu - 1/2)^2,
    lambda_t = (mu - m_t)/(s2 + (mu - m_t)^2), but 0 at least and 0.5/m_t at most; 0 if m_t >= 1.

For `worse` the same with 1 - x for x and 1 - m for m. If the loss is M, either wealth reaches
1/a at any time with probability a at most. So the first of the two to reach k/alpha, for k
candidates, is a verdict, and none of the k is false with probability 1 - alpha at least.

Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", arXiv
2010.09686, section 5 (without replacement). The five pretended observations that mu and s2 begin
with are ours: few answers flip, and bets that start from a wide guess lose time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from ggufeval.types import Estimate, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from ggufeval.stats.sample import Bools, Floats, Ints


WITHIN, UNDECIDED, WORSE = 1, 0, -1
"""Verdicts in arrays."""
_NAMES: dict[int, Verdict] = {
    WITHIN: Verdict.WITHIN,
    UNDECIDED: Verdict.UNDECIDED,
    WORSE: Verdict.WORSE,
}
_SLACK = 1e-9
"""100 times 0.29 is 28.999999999999996, and may be lost 29 times."""
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class SequentialTest:
    """One candidate's test, as far as it has come: a value, from which it can go on.

    `n_candidates` is k, fixed before the first question is asked. What comes after a verdict is
    counted and bet on, but changes it no more. All fields are plain numbers and texts:
    `SequentialTest(**dataclasses.asdict(test))`, by way of JSON too, is the same test.
    """

    n_plan: int
    """N."""
    margin: float
    """M, in [0, 1)."""
    n_candidates: int = 1
    alpha: float = 0.05

    n: int = 0
    """Questions seen, t."""
    lost: int = 0
    won: int = 0
    log_within: float = 0.0
    """log K_t, of the bets for `within`."""
    log_worse: float = 0.0
    peak_within: float = 0.0
    """The greatest log K so far."""
    peak_worse: float = 0.0
    verdict: Verdict = Verdict.UNDECIDED
    n_stop: int | None = None
    """After how many questions the verdict came."""

    def __post_init__(self) -> None:
        if not 0 <= self.margin < 1:
            raise ValueError(f"A margin lies between 0 and 1; found {self.margin}.")

    @property
    def threshold(self) -> float:
        """Wealth that is a verdict: k/alpha."""
        return self.n_candidates / self.alpha

    def after(self, differences: ArrayLike) -> Self:
        """Return the test after these further questions too: d_t, in the order of the plan."""
        d = np.asarray(differences)
        if not d.size:
            return self
        if not np.isin(d, (-1, 0, 1)).all():
            raise ValueError("A question is lost, won or neither: -1, 1 or 0.")
        path = walk(d, self.n_plan, self.margin, since=self)
        verdict, n_stop = self.verdict, self.n_stop
        if n_stop is None:
            code, stop = path.decide(self.threshold)
            verdict, n_stop = _NAMES[int(code)], self.n + int(stop) if code else None
        return replace(
            self,
            n=self.n + d.size,
            lost=self.lost + int((d < 0).sum()),
            won=self.won + int((d > 0).sum()),
            log_within=float(path.within[-1]),
            log_worse=float(path.worse[-1]),
            peak_within=max(self.peak_within, float(path.within.max())),
            peak_worse=max(self.peak_worse, float(path.worse.max())),
            verdict=verdict,
            n_stop=n_stop,
        )


@dataclass(frozen=True, slots=True)
class Walk:
    """How the bets of one candidate went, or of many: the last axis is the questions."""

    within: Floats
    """log K_t of the bets for `within`."""
    worse: Floats
    surely_within: Bools
    """Whether no answer that is still to come could change it."""
    surely_worse: Bools

    def decide(self, threshold: float) -> tuple[Ints, Ints]:
        """Return verdicts (`WITHIN`, `UNDECIDED`, `WORSE`), and after how many questions they came.

        The first crossing stands. Never both at once: a question moves the two in opposite
        directions. An undecided one has the number 0.
        """
        bar = math.log(threshold)
        within = _first(self.surely_within | (self.within >= bar))
        worse = _first(self.surely_worse | (self.worse >= bar))
        stop = np.minimum(within, worse)
        decided = stop <= self.within.shape[-1]
        verdict = np.where(within < worse, WITHIN, WORSE)
        return np.where(decided, verdict, UNDECIDED), np.where(decided, stop, 0)


def walk(
    differences: ArrayLike, n_plan: int, margin: float, *, since: SequentialTest | None = None
) -> Walk:
    """Bet on the questions along the last axis, in both directions; `since`: go on from there.

    A margin below 0 asks whether more than that was won.

    Certain is, in whole questions, a verdict that holds even if all answers to come are against
    it: sum(d + 1) >= N(1 - M) for `within`, where a loss of just M is within, and
    sum(1 - d) > N(1 + M) for `worse`. At t = N one of the two is true: that is counting.
    """
    d = np.asarray(differences, dtype=np.float64)
    start = since or SequentialTest(n_plan, margin=0.0)
    if start.n + d.shape[-1] > n_plan:
        raise ValueError(
            f"The plan has {n_plan} questions; found answers to {start.n + d.shape[-1]}."
        )
    total = start.won - start.lost + d.cumsum(axis=-1)
    stake, gain = _bets(d, total, margin, start)
    asked = start.n + np.arange(1, d.shape[-1] + 1)
    may_lose = math.floor(n_plan * margin + _SLACK)
    return Walk(
        within=_summed(np.where(stake > 0, gain, 0.0), start.log_within),
        worse=_summed(np.where(stake < 0, gain, 0.0), start.log_worse),
        surely_within=total + asked >= n_plan - may_lose,
        surely_worse=asked - total > n_plan + may_lose,
    )


def confidence_sequence(differences: ArrayLike, n_plan: int, *, level: float = 0.95) -> Estimate:
    """Candidate minus reference on all of the plan, from its first questions, stopped at any time.

    The losses M that neither direction's bets have refuted: {M: neither running maximum has
    reached 2/(1 - level)}; with probability `level` the truth is among them after every question.
    Of level 1 - 2 alpha/k it leaves M out just where the test has given a verdict by betting.
    Waudby-Smith and Ramdas, arXiv 2010.09686, section 5.

    A loss is a whole number of questions. The limits are searched among these by halving, which
    takes what is left for an interval; it is one, but for single questions near its ends in rare
    cases. The estimate is the mean so far: where one stops because of what one sees, it is biased
    outwards. ValueError without a question.
    """
    d = np.asarray(differences, dtype=np.float64)
    if not d.size:
        raise ValueError("A difference needs at least one question.")
    bar = math.log(2 / (1 - level))

    def evidence(loss: int) -> float:
        path = walk(d, n_plan, loss / n_plan)
        return max(float(path.within.max()), float(path.worse.max())) - bar

    unasked, lost = n_plan - d.size, -int(d.sum())
    least, most = lost - unasked, lost + unasked
    anchor = _unrefuted(evidence, round(lost * n_plan / d.size), least, most)
    low = _edge(evidence, anchor, least)
    high = _edge(evidence, anchor, most)
    value = float(d.mean())
    # Where luck has refuted the mean so far, the interval is stretched to hold it.
    return Estimate(value, min(value, -high / n_plan), max(value, -low / n_plan), level)


def _bets(d: Floats, total: Floats, margin: float, start: SequentialTest) -> tuple[Floats, Floats]:
    """Return lambda_t, negative where it is bet for `worse`, and log of what the bet came to.

    The mean expected lies on one side of m_t, so only one direction bets at a time; and as
    1 - x - (1 - m_t) = -(x - m_t), the factor of either is 1 + lambda_t (x - m_t).
    """
    before = start.n + np.arange(d.shape[-1])
    sum_d = total - d
    sum_d2 = start.won + start.lost + (d**2).cumsum(axis=-1) - d**2
    m = (start.n_plan * (1 - margin) - before - sum_d) / (2 * (start.n_plan - before))
    mean = (5 + before + sum_d) / (2 * (before + 5))
    variance = (0.0625 + sum_d2 / 4) / (before + 5) - (mean - 0.5) ** 2
    edge = mean - m
    stake = edge / (variance + edge**2)
    stake = np.clip(stake, -0.5 / np.maximum(1 - m, _TINY), 0.5 / np.maximum(m, _TINY))
    # Outside [0, 1] the loss cannot be M any more: nothing is left to bet on.
    stake = np.where((m < 0) | (m > 1), 0.0, stake)
    return stake, np.log1p(stake * ((d + 1) / 2 - m))


def _summed(logs: Floats, start: float) -> Floats:
    """Add along the last axis, in the order of one at a time."""
    logs[..., 0] += start
    sums: Floats = logs.cumsum(axis=-1)
    return sums


def _first(true: Bools) -> Ints:
    """Return how many are looked at until one is true; one more than there are, if none is."""
    first: Ints = np.where(true.any(axis=-1), true.argmax(axis=-1) + 1, true.shape[-1] + 1)
    return first


def _unrefuted(evidence: Callable[[int], float], guess: int, least: int, most: int) -> int:
    """Return a loss that is not refuted: `guess`, or the least refuted one that a grid leads to."""
    if evidence(guess) < 0:
        return guess
    while True:
        step = max(1, (most - least) // 32)
        best = min(range(least, most + 1, step), key=evidence)
        if step == 1:
            return best
        least, most = max(least, best - step), min(most, best + step)


def _edge(evidence: Callable[[int], float], kept: int, end: int) -> int:
    """Return the loss nearest to `end` that is kept as `kept` is; beyond it, all are refuted."""
    if evidence(end) < 0:
        return end
    while abs(end - kept) > 1:
        middle = (kept + end) // 2
        if evidence(middle) < 0:
            kept = middle
        else:
            end = middle
    return kept
