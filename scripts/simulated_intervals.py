"""Tables of how often intervals hold the truth. Used by simulate_statistics.py, which says how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ggufeval.stats.intervals import stratified, wilson
from ggufeval.stats.paired import mover
from ggufeval.stats.subset import Subset
from ggufeval.types import Estimate

Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

# fmt: off
SUBJECTS = np.array([
    100, 135, 152, 100, 265, 144, 100, 100, 100, 173, 102, 100, 235, 114, 145, 378, 126, 100, 310,
    203, 100, 165, 198, 193, 390, 270, 238, 151, 545, 216, 204, 237, 223, 131, 121, 108, 163, 112,
    103, 234, 100, 783, 346, 895, 306, 311, 324, 282, 1534, 272, 612, 110, 245, 201, 100, 166, 171,
])
# fmt: on
"""Test questions in each of MMLU's 57 subjects, by name."""
K, N = len(SUBJECTS), int(SUBJECTS.sum())
LOST_SHARES = (0.5, 0.75, 0.95)
ACCURACIES = (0.3, 0.45, 0.65, 0.9)
LOWEST = 0.94


@dataclass(frozen=True)
class Studies:
    """How many, of which seed, and how many different ones."""

    n: int
    seed: int
    quick: bool = False

    def rng(self, *table: int) -> np.random.Generator:
        """A generator of its own for every table: one can change without the others."""
        return np.random.default_rng([self.seed, *table])

    @property
    def sizes(self) -> tuple[int, ...]:
        return (200, 1000) if self.quick else (200, 1000, 4000, N)

    @property
    def flips(self) -> tuple[float, ...]:
        return (0.01, 0.07, 0.3) if self.quick else (0.01, 0.03, 0.07, 0.12, 0.3)


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Markdown, a line at a time, as soon as each is known."""
    yield f"\n**{title}**\n"
    yield f"| {' | '.join(head)} |"
    yield f"|{' ---: |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def covered(share: float) -> str:
    """A coverage in percent; bold where it is too low."""
    return percent(share) if share >= LOWEST else f"**{percent(share)}**"


def coverage(estimates: Iterable[Estimate], truth: float) -> float:
    return float(np.mean([truth in estimate for estimate in estimates]))


@dataclass(frozen=True)
class Design:
    """A sample with a number from each subject."""

    each: Ints
    average: str
    """`micro` or `macro`."""
    finite: bool
    """Whether the truth is that of these questions, and not that of questions like these."""

    @property
    def name(self) -> str:
        each = "all" if (self.each == SUBJECTS).all() else f"{self.each[0]} each"
        return f"{each}, {self.average}{', these' if self.finite else ''}"

    @property
    def weights(self) -> Floats:
        return SUBJECTS / N if self.average == "micro" else np.full(K, 1 / K)

    @property
    def fractions(self) -> Floats:
        return self.each / SUBJECTS if self.finite else np.zeros(K)

    def draw(self, rng: np.random.Generator, chances: Floats, n: int) -> tuple[Ints, Floats]:
        """Return n samples' counts of every outcome (n, K, outcomes), and the subjects' truths."""
        if not self.finite:
            seen = [rng.multinomial(m, p, n) for m, p in zip(self.each, chances, strict=True)]
            return np.stack(seen, axis=1), chances
        whole = rng.multinomial(SUBJECTS, chances)
        seen = [
            rng.multivariate_hypergeometric(counts, m, n)
            for m, counts in zip(self.each, whole, strict=True)
        ]
        return np.stack(seen, axis=1), whole / SUBJECTS[:, None]


DESIGNS = tuple(
    Design(np.full(K, each), average, finite)
    for each, finite in [(2, False), (10, False), (50, False), (50, True)]
    for average in ("micro", "macro")
)


@lru_cache(maxsize=100_000)
def paired(lost: int, won: int, n: int, level: float = 0.95, fraction: float = 0.0) -> Estimate:
    """MOVER of a simple random sample."""
    return mover([lost], [won], [n], [1.0], fractions=fraction, level=level)


def paired_simple(studies: Studies) -> Iterator[str]:
    rng = studies.rng(1)

    def lowest(discordance: float, n: int) -> float:
        found = []
        for share in LOST_SHARES:
            lost, won = share * discordance, (1 - share) * discordance
            seen = rng.multinomial(n, [lost, won, 1 - lost - won], studies.n).tolist()
            found.append(coverage((paired(b, c, n) for b, c, _ in seen), won - lost))
        return min(found)

    yield from table(
        "Paired interval, simple random sample of n",
        ["discordance", *(f"{n:,}" for n in studies.sizes)],
        ([percent(d), *(covered(lowest(d, n)) for n in studies.sizes)] for d in studies.flips),
    )


def paired_stratified(studies: Studies) -> Iterator[str]:
    rng = studies.rng(2)
    factors = rng.uniform(0.3, 1.7, K)

    def lowest(discordance: float, design: Design) -> float:
        w, each, f = design.weights, design.each, design.fractions
        flips = factors / (w @ factors) * discordance
        found = []
        for share in LOST_SHARES:
            chances = np.stack([flips * share, flips * (1 - share), 1 - flips], axis=1)
            seen, truths = design.draw(rng, chances, studies.n)
            estimates = (mover(row[:, 0], row[:, 1], each, w, fractions=f) for row in seen)
            found.append(coverage(estimates, float(w @ (truths[:, 1] - truths[:, 0]))))
        return min(found)

    designs = DESIGNS[:2] if studies.quick else DESIGNS
    yield from table(
        "Paired interval, equal numbers from each of 57 subjects",
        ["discordance", *(design.name for design in designs)],
        ([percent(d), *(covered(lowest(d, one)) for one in designs)] for d in studies.flips),
    )


def accuracy_simple(studies: Studies) -> Iterator[str]:
    rng = studies.rng(3)

    def share(p: float, n: int) -> float:
        return coverage((wilson(k, n) for k in rng.binomial(n, p, studies.n).tolist()), p)

    yield from table(
        "Accuracy, simple random sample of n",
        ["accuracy", *(f"{n:,}" for n in studies.sizes)],
        ([percent(p), *(covered(share(p, n)) for n in studies.sizes)] for p in ACCURACIES),
    )


def accuracy_stratified(studies: Studies) -> Iterator[str]:
    rng = studies.rng(4)
    shift = rng.uniform(-0.25, 0.25, K)

    def share(p: float, design: Design) -> float:
        w, each, f = design.weights, design.each, design.fractions
        right = np.clip(p + shift - w @ shift, 0.01, 0.99)
        seen, truths = design.draw(rng, np.stack([right, 1 - right], axis=1), studies.n)
        estimates = (stratified(row[:, 0], each, w, fractions=f) for row in seen)
        return coverage(estimates, float(w @ truths[:, 0]))

    whole = Design(SUBJECTS, "macro", finite=False)
    designs = (DESIGNS[1], whole) if studies.quick else (*DESIGNS, whole)
    yield from table(
        "Accuracy, equal numbers from each of 57 subjects",
        ["accuracy", *(design.name for design in designs)],
        ([percent(p), *(covered(share(p, one)) for one in designs)] for p in ACCURACIES),
    )


def subset(studies: Studies) -> Iterator[str]:
    rng = studies.rng(5)
    sizes = (200, 1000) if studies.quick else (200, 500, 1000, 2000, 7000)

    def lowest(discordance: float, n: int) -> float:
        found = []
        for right in (round(0.45 * N), round(0.8 * N)):
            for share in LOST_SHARES:
                lost, won = round(share * discordance * N), round((1 - share) * discordance * N)
                kinds = [right - lost, lost, N - right - won, won]
                seen = rng.multivariate_hypergeometric(kinds, n, studies.n).tolist()
                estimates = (
                    Subset(right, N - right, kept + b, rest + c, b, c).difference()
                    for kept, b, rest, c in seen
                )
                found.append(coverage(estimates, (won - lost) / N))
        return min(found)

    yield from table(
        "Subset (`--budget n`), these 14,042 questions, the reference 45 or 80% right",
        ["discordance", *(f"{n:,}" for n in sizes)],
        ([percent(d), *(covered(lowest(d, n)) for n in sizes)] for d in studies.flips),
    )
