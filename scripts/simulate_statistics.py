"""Do the intervals hold the truth, and how often is a verdict false? Simulated, as Markdown tables.

    python scripts/simulate_statistics.py [--studies 2000] [--seed 1] [--quick]

How the populations are made. *Questions like these*: every question is lost or won with given
probabilities, independently. *These questions*: a population with exact numbers lost and won, of
which a study sees a random part, or a random order. Where there are subjects, they have MMLU's
sizes, and each its own probabilities: the given ones times a factor that is uniform between 0.3
and 1.7, drawn once a table and scaled to a mean of 1; accuracies are moved by up to 25 points.
Candidates on one order flip partly the same questions: a question's place in a candidate's queue
is a uniform number that all candidates have in common, plus another one that is the candidate's.

Discordance is the share of questions that are lost or won. An interval is tried with a half of
these lost, three quarters and 95%; a table has the lowest coverage of the three. Verdicts are tried
where they are hardest, at a loss of just the margin: there `within` and `worse` both count as
false, each by itself, and alpha is 5%. The standard error of 95%, as of 5%, is 0.5 points with
2,000 studies. What misses is bold: a coverage below 94%, and false verdicts above 5% by over two
standard errors, which is chance once in 40 cells.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from simulated_intervals import (
    Bools,
    Ints,
    N,
    Studies,
    accuracy_simple,
    accuracy_stratified,
    covered,
    paired,
    paired_simple,
    paired_stratified,
    percent,
    subset,
    table,
)

from ggufeval.stats.sequential import WITHIN, WORSE, walk

MARGIN, ALPHA = 0.01, 0.05
CANDIDATES = (0.01, 0.025, 0.05, 0.07, 0.12, 0.18, 0.25, 0.3)
"""Discordances of eight candidates on one order."""
BARS = {1: 20, 8: 160}
"""k/alpha by k."""
INTERVAL_BAR = 40
"""2/alpha."""
EFFECTS = (
    (0.012, -0.001),
    (0.025, -0.001),
    (0.07, -0.001),
    (0.07, -0.003),
    (0.07, -0.005),
    (0.07, -0.015),
    (0.18, -0.04),
    (0.3, -0.12),
)
"""Discordance and difference."""


def fixed_verdict(  # noqa: PLR0917 - counts first, as in `paired`
    lost: int, won: int, n: int, k: int, fraction: float = 0.0, margin: float = MARGIN
) -> tuple[bool, bool]:
    """Whether the one-sided bounds of alpha/k say `within`, and whether they say `worse`."""
    interval = paired(lost, won, n, 1 - 2 * ALPHA / k, fraction)
    return interval.low >= -margin, interval.high < -margin


def false(verdicts: Bools) -> str:
    """`within` / `worse` in percent of the studies (studies, candidates, 2), of any candidate."""
    shares = verdicts.any(axis=1).mean(axis=0)
    bound = ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / len(verdicts))
    return " / ".join(percent(x) if x <= bound else f"**{percent(x)}**" for x in shares.tolist())


def fixed_errors(studies: Studies) -> Iterator[str]:
    rng = studies.rng(6)

    def errors(discordance: float, n: int, k: int) -> str:
        lost, won = (discordance + MARGIN) / 2, (discordance - MARGIN) / 2
        seen = rng.multinomial(n, [lost, won, 1 - lost - won], (studies.n, k)).tolist()
        return false(np.array([[fixed_verdict(b, c, n, k) for b, c, _ in row] for row in seen]))

    cases = [(n, k) for n in studies.sizes for k in (1, 8)]
    yield from table(
        "False verdicts, fixed n, questions like these; any of k independent candidates",
        ["discordance", *(f"{n:,}, k = {k}" for n, k in cases)],
        ([percent(d), *(errors(d, n, k) for n, k in cases)] for d in studies.flips),
    )


@dataclass(frozen=True)
class Orders:
    """What was said of `CANDIDATES` on random orders of N questions: (studies, candidates, 2)."""

    n_plan: int
    bets: dict[int, Bools]
    """By the wealth that the two directions reached."""
    fixed: dict[tuple[int, int], Bools]
    """Of the first n questions, by n and k."""

    @property
    def parts(self) -> tuple[int, int]:
        return _parts(self.n_plan)

    @classmethod
    def of(cls, studies: Studies, n_plan: int) -> Orders:
        """Every candidate loses exactly 1%, which is the margin."""
        rng = studies.rng(7, n_plan)
        loss = round(MARGIN * n_plan)
        answers = candidates(rng, n_plan, loss)
        shape = (studies.n, len(CANDIDATES), 2)
        bets = {bar: np.zeros(shape, dtype=np.bool_) for bar in (*BARS.values(), INTERVAL_BAR)}
        cases = [(n, k) for n in _parts(n_plan) for k in BARS]
        fixed = {case: np.zeros(shape, dtype=np.bool_) for case in cases}
        for study in range(studies.n):
            order = answers[:, rng.permutation(n_plan)]
            path = walk(order, n_plan, loss / n_plan)
            peaks = np.stack([path.within.max(axis=1), path.worse.max(axis=1)], axis=1)
            for bar, verdicts in bets.items():
                verdicts[study] = peaks >= math.log(bar)
            for (n, k), verdicts in fixed.items():
                seen = order[:, :n]
                counts = zip((seen < 0).sum(axis=1), (seen > 0).sum(axis=1), strict=True)
                verdicts[study] = [
                    fixed_verdict(int(b), int(c), n, k, n / n_plan, loss / n_plan)
                    for b, c in counts
                ]
        return cls(n_plan, bets, fixed)


def _parts(n_plan: int) -> tuple[int, int]:
    """How many of the questions a fixed n is tried with."""
    return n_plan // 10, n_plan // 2


def candidates(rng: np.random.Generator, n_plan: int, loss: int) -> Ints:
    """Answers (candidates, N) of `CANDIDATES` that all lose as many more than they win."""
    common = rng.uniform(size=n_plan)
    answers = np.zeros((len(CANDIDATES), n_plan), dtype=np.int64)
    for row, discordance in zip(answers, CANDIDATES, strict=True):
        won = max(0, round((discordance * n_plan - loss) / 2))
        queue = np.argsort(common + rng.uniform(size=n_plan))[: loss + 2 * won]
        row[queue] = rng.permutation([1] * won + [-1] * (loss + won))
    return answers


def on_one_order(studies: Studies) -> Iterator[str]:
    found = [Orders.of(studies, n) for n in ((200, 1000) if studies.quick else (200, 2000, N))]
    plans = [f"N = {orders.n_plan:,}" for orders in found]
    yield from table(
        "False verdicts, sequential; any of k candidates on one order",
        ["discordance", *plans],
        [
            *(
                [percent(d), *(false(orders.bets[BARS[1]][:, [i]]) for orders in found)]
                for i, d in enumerate(CANDIDATES)
            ),
            ["all, k = 8", *(false(orders.bets[BARS[8]]) for orders in found)],
        ],
    )
    missed = [orders.bets[INTERVAL_BAR].any(axis=2).mean(axis=0) for orders in found]
    yield from table(
        "Confidence sequence: studies where it holds the truth after every question",
        ["discordance", *plans],
        (
            [percent(d), *(covered(1 - float(misses[i])) for misses in missed)]
            for i, d in enumerate(CANDIDATES)
        ),
    )
    parts = [(orders, n) for orders in found for n in orders.parts]
    yield from table(
        "False verdicts, fixed n, these N questions: the first n of the same orders",
        ["discordance", *(f"{n:,} of {orders.n_plan:,}" for orders, n in parts)],
        [
            *(
                [percent(d), *(false(orders.fixed[n, 1][:, [i]]) for orders, n in parts)]
                for i, d in enumerate(CANDIDATES)
            ),
            ["all, k = 8", *(false(orders.fixed[n, 8]) for orders, n in parts)],
        ],
    )


def power(studies: Studies) -> Iterator[str]:
    rng = studies.rng(8)

    def right(discordance: float, difference: float, n: int, k: int) -> str:
        lost, won = (discordance - difference) / 2, (discordance + difference) / 2
        seen = rng.multinomial(n, [lost, won, 1 - lost - won], studies.n).tolist()
        told = 0 if difference >= -MARGIN else 1
        return percent(sum(fixed_verdict(b, c, n, k)[told] for b, c, _ in seen) / studies.n)

    cases = [(n, k) for n in studies.sizes for k in BARS]
    yield from table(
        "Power, fixed n, questions like these: true verdicts",
        ["discordance", "difference", *(f"{n:,}, k = {k}" for n, k in cases)],
        ([percent(d), percent(x), *(right(d, x, n, k) for n, k in cases)] for d, x in EFFECTS),
    )


def stopping(studies: Studies) -> Iterator[str]:
    n_plan = 2000 if studies.quick else N

    def stops(discordance: float, difference: float) -> Iterator[str]:
        rng = studies.rng(9, round(1000 * discordance), round(-1000 * difference))
        lost = round((discordance - difference) / 2 * n_plan)
        won = round((discordance + difference) / 2 * n_plan)
        told = WITHIN if lost - won <= MARGIN * n_plan else WORSE
        answers = np.repeat([-1, 1, 0], [lost, won, n_plan - lost - won])
        bars = (BARS[1], INTERVAL_BAR, BARS[8])
        found = np.zeros((studies.n, len(bars), 2), dtype=np.int64)
        for study in range(studies.n):
            path = walk(rng.permutation(answers), n_plan, MARGIN)
            found[study] = [path.decide(bar) for bar in bars]
        for one in range(len(bars)):
            quartiles = np.quantile(found[:, one, 1], [0.5, 0.9]).tolist()
            yield " / ".join(f"{q:,.0f}" for q in quartiles)
        yield percent(float((found[:, 0, 0] == told).mean()))

    yield from table(
        f"Stopping points of the sequential rule, N = {n_plan:,}: median / nine in ten",
        ["discordance", "difference", "k = 1", "k = 2", "k = 8", "true verdicts, k = 1"],
        ([percent(d), percent(x), *stops(d, x)] for d, x in EFFECTS),
    )


TABLES = (
    paired_simple,
    paired_stratified,
    accuracy_simple,
    accuracy_stratified,
    subset,
    fixed_errors,
    on_one_order,
    power,
    stopping,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, help="a cell; 2000, or 50 where it is quick")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few cases, for a test; no evidence")
    options = parser.parse_args()
    n = options.studies or (50 if options.quick else 2000)
    studies = Studies(n, options.seed, options.quick)
    print(f"{studies.n:,} studies a cell, seed {studies.seed}; in percent.")
    for line in chain.from_iterable(make(studies) for make in TABLES):
        print(line, flush=True)


if __name__ == "__main__":
    main()
