"""Intervals against the literature, scipy, their own laws, and simulated truth."""

import math
from statistics import StatisticsError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ggufeval.stats.intervals import (
    effective_n,
    normal_quantile,
    stratified,
    stratified_variance,
    wilson,
    wilson_limits,
)

LEVELS = st.floats(0.5, 0.999)


@st.composite
def strata(draw, max_size=8):
    """(successes, sizes, weights) of 1 to `max_size` subjects."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=1, max_size=max_size))
    successes = [draw(st.integers(0, n)) for n in sizes]
    population = np.array([draw(st.integers(1, 1000)) for _ in sizes], dtype=float)
    return successes, sizes, population / population.sum()


# --- Wilson --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_in_newcombe(successes, n, low, high):
    """Newcombe, Stat. Med. 17 (1998), table I, method 3."""
    estimate = wilson(successes, n)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)
    assert estimate.value == successes / n
    assert estimate.level == 0.95


@given(st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), LEVELS)
def test_wilson_as_in_scipy(counts, level):
    successes, n = counts
    theirs = binomtest(successes, n).proportion_ci(level, method="wilson")
    ours = wilson(successes, n, level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(st.floats(0, 1), st.floats(0.01, 1e9), LEVELS)
def test_wilson_holds_its_estimate_and_stays_a_proportion(p, n, level):
    low, high = wilson_limits(p, n, level)
    assert 0 <= low <= p <= high <= 1


@given(st.floats(0, 1), st.floats(1, 1e6), LEVELS)
def test_wilson_has_no_side(p, n, level):
    low, high = wilson_limits(p, n, level)
    assert wilson_limits(1 - p, n, level) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@given(st.floats(0, 1), st.floats(1, 1e6), st.floats(1.01, 100))
def test_wilson_shrinks_with_n(p, n, factor):
    low, high = wilson_limits(p, n)
    closer_low, closer_high = wilson_limits(p, factor * n)
    assert closer_high - closer_low < high - low


def test_wilson_of_everything_has_no_width():
    assert wilson_limits(0.3, math.inf) == (0.3, 0.3)
    everything = wilson(3, 10, fraction=1.0)
    assert (everything.low, everything.value, everything.high) == (0.3, 0.3, 0.3)


def test_the_finite_population_correction_is_a_larger_sample():
    half_asked = wilson(30, 100, fraction=0.5)
    assert (half_asked.low, half_asked.high) == wilson_limits(0.3, 200)


@pytest.mark.parametrize("n", [0, -1, math.nan])
def test_wilson_needs_a_trial(n):
    with pytest.raises(ValueError, match="at least one trial"):
        wilson_limits(0.5, n)


def test_normal_quantile():
    assert normal_quantile(0.95) == pytest.approx(1.959964, abs=1e-6)
    with pytest.raises(StatisticsError):
        normal_quantile(1.0)


# --- weighted means ------------------------------------------------------------------------


def test_effective_n():
    assert effective_n([100], [1.0]) == pytest.approx(100)
    assert effective_n([10, 10, 10], [1 / 3] * 3) == pytest.approx(30)
    assert effective_n([10, 10], [0.9, 0.1]) == pytest.approx(1 / (0.081 + 0.001))
    assert effective_n([10, 10], [0.5, 0.5], [0.5, 0.5]) == pytest.approx(40)
    assert effective_n([10, 10], [0.5, 0.5], 1.0) == math.inf


def test_stratified_by_hand():
    """Two towns and the country: 155, 62 and 93 households, of which 20, 8 and 12 were asked.

    V = sum W^2 (1-f) p(1-p)/(n-1), with 1-f = 27/31 in each:
    27/31 (.25 * .16/19 + .04 * .1875/7 + .09 * .25/11) = .004549.
    """
    sizes, whole = np.array([20, 8, 12]), np.array([155, 62, 93])
    variance = stratified_variance([16, 2, 6], sizes, whole / 310, sizes / whole)
    assert variance == pytest.approx(0.004549, abs=1e-6)
    estimate = stratified([16, 2, 6], sizes, whole / 310, fractions=sizes / whole)
    assert estimate.value == pytest.approx(0.6)
    # .24 / .004549 = 52.8 is more than n_e = 40 / (27/31) = 45.9: the bound holds.
    assert (estimate.low, estimate.high) == pytest.approx(wilson_limits(0.6, 40 * 31 / 27))


def test_a_larger_se_than_n_e_promises_is_believed():
    """The heavy subject is the uncertain one: p(1-p)/SE^2 is below n_e."""
    sizes, weights = [50, 50], [0.9, 0.1]
    variance = stratified_variance([25, 50], sizes, weights)
    assert variance == pytest.approx(0.81 * 0.25 / 49)
    estimate = stratified([25, 50], sizes, weights)
    size = 0.55 * 0.45 / variance
    assert size < effective_n(sizes, weights)
    assert (estimate.low, estimate.high) == pytest.approx(wilson_limits(0.55, size))


@pytest.mark.parametrize("successes", [[5, 5], [0, 0], [5, 0]])
def test_no_spread_inside_the_subjects_is_not_certainty(successes):
    assert stratified_variance(successes, [5, 5], [0.5, 0.5]) == 0
    estimate = stratified(successes, [5, 5], [0.5, 0.5])
    assert (estimate.low, estimate.high) == wilson_limits(sum(successes) / 10, 10)


def test_single_questions_borrow_the_variance_of_the_mean():
    """Every subject of one question: p(1-p)/n, as if there were no subjects."""
    assert stratified_variance([1, 0, 1, 1], [1] * 4, [0.25] * 4) == pytest.approx(0.75 * 0.25 / 4)
    assert stratified([1, 0, 1, 1], [1] * 4, [0.25] * 4).low == pytest.approx(wilson(3, 4).low)


def test_the_variance_of_one_subject_is_unbiased():
    """Its mean over all outcomes is p(1-p)/n."""
    n, p = 7, 0.3
    chances = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    mean = sum(c * stratified_variance([k], [n], [1.0]) for k, c in enumerate(chances))
    assert mean == pytest.approx(p * (1 - p) / n)


@given(strata(), LEVELS)
def test_stratified_holds_its_estimate_and_stays_a_proportion(case, level):
    successes, sizes, weights = case
    estimate = stratified(successes, sizes, weights, level=level)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.high > estimate.low


@given(strata())
def test_stratified_has_no_side(case):
    successes, sizes, weights = case
    right = stratified(successes, sizes, weights)
    wrong = stratified(np.array(sizes) - successes, sizes, weights)
    mirrored = (1 - right.value, 1 - right.high, 1 - right.low)
    assert (wrong.value, wrong.low, wrong.high) == pytest.approx(mirrored, abs=1e-9)


@given(strata(), st.integers(2, 20))
def test_stratified_shrinks_with_n(case, factor):
    successes, sizes, weights = case
    few = stratified(successes, sizes, weights)
    many = stratified(np.array(successes) * factor, np.array(sizes) * factor, weights)
    assert many.high - many.low < few.high - few.low


@given(strata())
def test_everything_asked_has_no_width(case):
    successes, sizes, weights = case
    estimate = stratified(successes, sizes, weights, fractions=1.0)
    assert estimate.low == estimate.value == estimate.high


# --- coverage ------------------------------------------------------------------------------


@pytest.mark.parametrize("n_each", [2, 10])
@pytest.mark.parametrize("mean", [0.4, 0.85])
@pytest.mark.parametrize("weighting", ["macro", "micro"])
def test_stratified_covers(n_each, mean, weighting):
    """Seeded; 57 subjects of unequal size and difficulty. 1,500 trials: SE of 95% is 0.6%."""
    rng = np.random.default_rng(20)
    subjects, trials = 57, 1500
    truth = np.clip(mean + rng.uniform(-0.25, 0.25, subjects), 0.02, 0.98)
    whole = rng.lognormal(5.3, 0.6, subjects) if weighting == "micro" else np.ones(subjects)
    weights = whole / whole.sum()
    seen = rng.binomial(n_each, truth, (trials, subjects))
    hits = sum(weights @ truth in stratified(k, [n_each] * subjects, weights) for k in seen)
    assert 0.94 <= hits / trials <= 0.995
