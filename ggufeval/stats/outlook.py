"""What a study could show, before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ggufeval.stats.sample import Sample
from ggufeval.stats.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ggufeval.types import Design, Question

DISCORDANCES = (0.02, 0.07, 0.18)
"""Shares of the answers that flip between right and wrong: what hardly changed, changed, and
greatly changed levels may do."""


def detectable(
    questions: Iterable[Question],
    design: Design,
    population: Mapping[str, int],
    discordance: float,
    *,
    n_candidates: int = 1,
    alpha: float = 0.05,
) -> float:
    """The smallest margin that these questions could clear, in [0, 1], if this share of the
    answers flips, in every subject alike, and none is lost on balance. See `verdict.judge`.

    `population` is subject -> N_k, as in `Sample.of`.
    """
    sample = Sample.of(questions, design, population)
    sizes, weights = np.array([float(sample.n)]), np.ones(1)
    if sample.is_stratified:
        sizes, weights = sample.sizes.astype(float), sample.shares
    half = discordance / 2 * sizes
    judged = judge(half, half, sizes, weights, n_candidates=n_candidates, alpha=alpha)
    return judged.detectable
