"""What it matters where the right choice stands, seen in the rotations of each question."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ggufeval.stats.intervals import stratified, wilson
from ggufeval.stats.sample import UNREAD
from ggufeval.types import Estimate, Positions

if TYPE_CHECKING:
    from ggufeval.stats.sample import Answers, Bools, Ints, Sample


def micro_share(hits: Bools, sample: Sample, level: float) -> Estimate:
    """Share of hits (length m), each question of the whole set counting the same."""
    counts = sample.count(hits)
    if sample.is_stratified:
        return stratified(counts, sample.sizes, sample.shares, level=level)
    return wilson(float(counts.sum()), sample.n, level)


def shown(choices: Ints, sample: Sample) -> Ints:
    """Where each record's choice (length m) stood: in rotation r, choice c at (c - r) mod k."""
    return (choices - sample.rotations) % sample.n_choices[sample.asked]


def positions(answers: Answers, sample: Sample, level: float) -> Positions:
    """Accuracy for each place of the right choice, and how many questions no rotation can sway.

    A place is looked at over the questions that have it; what was asked in some of its rotations
    only counts where it was. It is left out of `same`, which speaks of all rotations. NaN where
    nothing was asked.
    """
    places = shown(sample.gold[sample.asked], sample)
    whole = (sample.n_asked == sample.n_choices)[sample.asked]
    return Positions(
        by_position=tuple(
            _share_of(answers.correct, places == place, sample, level)
            for place in range(int(sample.n_choices.max()))
        ),
        same=_share_of(_same(answers, sample)[sample.asked], whole, sample, level),
    )


def _share_of(hits: Bools, kept: Bools, sample: Sample, level: float) -> Estimate:
    if not kept.any():
        return Estimate(math.nan, math.nan, math.nan, level)
    return micro_share(hits[kept], sample.part(kept), level)


def _same(answers: Answers, sample: Sample) -> Bools:
    """Which questions (length n) got the same choice in all their records, and one that is read."""
    least = np.full(sample.n, np.iinfo(np.int_).max)
    most = np.full(sample.n, UNREAD)
    np.minimum.at(least, sample.asked, answers.letters)
    np.maximum.at(most, sample.asked, answers.letters)
    same: Bools = (least == most) & (least != UNREAD)
    return same
