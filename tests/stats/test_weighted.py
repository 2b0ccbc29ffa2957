"""Weighted means by hand, against the formulas they must agree with, and simulated truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggufeval.stats.intervals import effective_n, wilson, wilson_limits
from ggufeval.stats.paired import mover, mover_of_shares
from ggufeval.stats.weighted import (
    normalised,
    weighted_difference,
    weighted_share,
    weighted_size,
)


def floats(*values):
    return np.array(values, dtype=np.float64)


def close(estimate):
    return pytest.approx((estimate.value, estimate.low, estimate.high), abs=1e-12)


def ends(estimate):
    return estimate.value, estimate.low, estimate.high


# --- by hand ---


def test_a_heavy_question_counts_more():
    found = weighted_share(floats(1, 0, 0), normalised(floats(2, 1, 1)))
    assert found.value == 0.5
    # n_e = 1 / (1/4 + 1/16 + 1/16); every residual is 1/2, so SE^2 = p(1-p) / n_e: the same.
    assert (found.low, found.high) == pytest.approx(wilson_limits(0.5, 16 / 6))


def test_where_the_heavy_ones_vary_more_the_sample_is_smaller():
    weights = normalised(floats(4, 1, 1, 1, 1))
    lost = floats(1, 0, 0, 0, 0)
    p = 0.5
    spread = p - p**2
    variance = 0.25 * 0.25 + 4 * 0.125**2 * 0.25
    assert weighted_size(lost, weights, spread) == pytest.approx(
        min(1 / (0.25 + 4 / 64), spread / variance)
    )
    weights = normalised(floats(4, 1, 1, 1, 1, 1, 1, 1, 1))
    lost = floats(1, 0, 0, 0, 0, 0, 0, 0, 0)
    p = 1 / 3
    variance = (1 / 9) * (2 / 3) ** 2 + 8 * (1 / 144) * (1 / 9)
    found = weighted_size(lost, weights, p - p**2)
    assert found == pytest.approx((p - p**2) / variance)
    assert found < effective_n(1.0, weights)
    difference = weighted_difference(lost, np.zeros(9), weights)
    assert ends(difference) == close(mover_of_shares(p, 0.0, found))


def test_where_the_light_ones_vary_more_it_is_never_greater_than_kishs():
    weights = normalised(floats(4, 1, 1, 1, 1))
    lost = floats(0, 1, 0, 0, 0)
    assert weighted_size(lost, weights, 0.125 - 0.125**2) == effective_n(1.0, weights)


# --- laws ---


def test_equal_weights_are_none():
    rng = np.random.default_rng(1)
    lost, won = rng.random(200) < 0.1, rng.random(200) < 0.05
    won &= ~lost
    weights = normalised(np.full(200, 7.0))
    assert ends(weighted_share(lost.astype(float), weights)) == close(wilson(int(lost.sum()), 200))
    assert ends(weighted_difference(lost.astype(float), won.astype(float), weights)) == close(
        mover([lost.sum()], [won.sum()], [200], [1.0])
    )


def test_weight_0_is_as_if_it_had_not_been_asked():
    rng = np.random.default_rng(2)
    lost, won = (rng.random(60) < 0.2).astype(float), np.zeros(60)
    kept = np.arange(60) < 40
    with_zeros = weighted_difference(lost, won, normalised(kept.astype(float)))
    alone = weighted_difference(lost[kept], won[kept], normalised(np.ones(40)))
    assert ends(with_zeros) == close(alone)


def test_the_sum_of_the_weights_does_not_matter():
    weights = floats(1, 2, 3)
    for factor in (1e-300, 1e-3, 1e307):
        assert normalised(factor * weights) == pytest.approx(weights / 6)


@given(st.lists(st.floats(0, 1e300), min_size=1, max_size=50).filter(any), st.data())
def test_whatever_the_weights_the_interval_holds_the_value(given_weights, data):
    weights = normalised(np.array(given_weights))
    n = len(weights)
    drawn = data.draw(st.lists(st.sampled_from([(0, 0), (1, 0), (0, 1)]), min_size=n, max_size=n))
    lost, won = np.array(drawn, dtype=np.float64).T
    for alike in (np.ones(n), np.zeros(n), lost):
        share = weighted_share(alike, weights)
        assert 0 <= share.low <= share.value <= share.high <= 1
    difference = weighted_difference(lost, won, weights)
    assert -1 <= difference.low <= difference.value <= difference.high <= 1


def test_a_single_question_and_all_alike():
    one = normalised(floats(3))
    assert weighted_share(floats(1), one).value == 1.0
    assert ends(weighted_share(floats(1), one)) == close(wilson(1, 1))
    none = weighted_difference(floats(0), floats(0), one)
    assert none.value == 0.0
    assert -1 <= none.low < 0 < none.high <= 1


# --- simulated truth ---

WEIGHTS = {
    "lognormal": lambda rng, n: rng.lognormal(0, 1, n),
    "one in ten counts tenfold": lambda rng, n: np.where(rng.random(n) < 0.1, 10.0, 1.0),
}


def covered(kind, n, discordant, *, alike):
    """Shares of 1,500 seeded studies whose intervals hold the truth: ours, and with n_e alone."""
    rng = np.random.default_rng(11)
    trials = 1_500
    whole = WEIGHTS[kind](rng, 500_000)
    mean = whole.mean()

    def flips(weights):
        relative = np.ones(len(weights)) if alike else weights / mean
        chances = np.minimum(discordant * relative, 0.95)
        return 0.65 * chances, 0.35 * chances

    lost, won = flips(whole)
    truth = float(whole @ (won - lost) / whole.sum())
    hits = hits_by_kish = 0
    for _ in range(trials):
        weights = rng.choice(whole, n)
        p_lost, p_won = flips(weights)
        drawn = rng.random(n)
        b = (drawn < p_lost).astype(float)
        c = ((drawn >= p_lost) & (drawn < p_lost + p_won)).astype(float)
        a = normalised(weights)
        hits += truth in weighted_difference(b, c, a)
        hits_by_kish += truth in mover_of_shares(float(a @ b), float(a @ c), effective_n(1.0, a))
    return hits / trials, hits_by_kish / trials


@pytest.mark.parametrize(("n", "discordant"), [(570, 0.02), (570, 0.2), (2_000, 0.07)])
@pytest.mark.parametrize("kind", WEIGHTS)
def test_weighted_covers(kind, n, discordant):
    """The SE of 95% is 0.6%."""
    share, _ = covered(kind, n, discordant, alike=True)
    assert share >= 0.94


@pytest.mark.parametrize(("n", "discordant"), [(570, 0.02), (570, 0.2), (2_000, 0.07)])
@pytest.mark.parametrize("kind", WEIGHTS)
def test_weighted_covers_where_the_heavy_flip_more(kind, n, discordant):
    """In proportion to their weights: where Kish's size alone covers far too little."""
    share, by_kish = covered(kind, n, discordant, alike=False)
    assert share >= 0.94
    assert by_kish < 0.92


def test_weighted_covers_less_where_few_questions_hold_most_of_the_weight():
    """160 of which one in ten counts tenfold tell as much as some 50."""
    share, _ = covered("one in ten counts tenfold", 160, 0.2, alike=False)
    assert 0.9 <= share < 0.95
