"""The estimate of `--budget` by hand, against its own laws, and against simulated truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggufeval.stats.intervals import wilson_limits
from ggufeval.stats.subset import Subset

LEVELS = st.floats(0.5, 0.999)


@st.composite
def subsets(draw, max_size=60):
    n_right = draw(st.integers(0, max_size))
    n_wrong = draw(st.integers(0 if n_right else 1, max_size))
    right = draw(st.integers(0 if n_wrong else 1, n_right))
    wrong = draw(st.integers(0 if right else 1, n_wrong))
    lost, won = draw(st.integers(0, right)), draw(st.integers(0, wrong))
    return Subset(n_right, n_wrong, right, wrong, lost, won)


def test_by_hand():
    """1,000 questions, 600 right; 100 of these and 100 others sampled; 10 lost, 4 won.

    Delta = .4 * .04 - .6 * .1 = -.044. Both kinds have 100/(1 - .2) = 125 trials: Wilson's limits
    are .0588 and .1651 of 10%, .0172 and .0902 of 4%. So low = -.044 - sqrt[(.4 * .0228)^2 +
    (.6 * .0651)^2], high = -.044 + sqrt[(.4 * .0502)^2 + (.6 * .0412)^2].
    """
    subset = Subset(n_right=600, n_wrong=400, sampled_right=100, sampled_wrong=100, lost=10, won=4)
    assert wilson_limits(0.1, 125) == pytest.approx((0.0588, 0.1651), abs=5e-5)
    assert wilson_limits(0.04, 125) == pytest.approx((0.0172, 0.0902), abs=5e-5)
    delta = subset.difference()
    assert delta.value == pytest.approx(-0.044)
    assert (delta.low, delta.high) == pytest.approx((-0.0841, -0.01215), abs=1e-4)
    accuracy = subset.accuracy()
    assert (accuracy.value, accuracy.low, accuracy.high) == pytest.approx(
        (0.556, 0.6 + delta.low, 0.6 + delta.high)
    )


def test_what_is_known_of_the_rest_is_used():
    """The sample has too many that are right: the plain mean would say 0.75."""
    assert Subset(500, 500, 30, 10, 0, 0).accuracy().value == 0.5


@given(subsets(), LEVELS)
def test_the_interval_holds_the_estimate_and_what_is_possible(subset, level):
    delta, accuracy = subset.difference(level=level), subset.accuracy(level=level)
    w1 = subset.n_right / subset.n_population
    assert -w1 <= delta.low <= delta.value <= delta.high <= subset.n_wrong / subset.n_population
    assert -1e-12 <= accuracy.low <= accuracy.value <= accuracy.high <= 1 + 1e-12
    assert delta.level == accuracy.level == level


@given(subsets(), LEVELS)
def test_right_and_wrong_are_mirror_images(subset, level):
    mirror = Subset(
        n_right=subset.n_wrong,
        n_wrong=subset.n_right,
        sampled_right=subset.sampled_wrong,
        sampled_wrong=subset.sampled_right,
        lost=subset.won,
        won=subset.lost,
    )
    there, back = subset.difference(level=level), mirror.difference(level=level)
    assert (back.value, back.low, back.high) == pytest.approx(
        (-there.value, -there.high, -there.low), abs=1e-12
    )


@given(st.integers(0, 50), st.integers(1, 50), st.data())
def test_everything_asked_has_no_width(right, wrong, data):
    lost, won = data.draw(st.integers(0, right)), data.draw(st.integers(0, wrong))
    delta = Subset(right, wrong, right, wrong, lost, won).difference()
    assert delta.low == delta.value == delta.high
    assert delta.value == pytest.approx((won - lost) / (right + wrong))


def test_a_kind_that_was_not_sampled_may_be_anything():
    """Of the 3 that are right none was sampled: all of them may be lost, .3 of the questions."""
    delta = Subset(3, 7, 0, 5, 0, 0).difference()
    assert delta.value == 0
    assert delta.low == pytest.approx(-0.3)
    _, upper = wilson_limits(0, 5 / 0.5)
    assert delta.high == pytest.approx(0.7 * upper)
    assert Subset(7, 3, 5, 0, 0, 0).difference().high == pytest.approx(0.3)


def test_a_reference_that_is_always_right():
    """Then nothing can be won, and the sample's share is all there is."""
    delta = Subset(100, 0, 50, 0, 5, 0).difference()
    low, high = wilson_limits(0.1, 100)
    assert (delta.low, delta.high) == pytest.approx((-high, -low))


@pytest.mark.parametrize(
    "counts", [(5, 5, 6, 0, 0, 0), (5, 5, 2, 2, 3, 0), (5, 5, 2, 2, 0, 3), (5, 5, 2, 2, -1, 0)]
)
def test_parts_larger_than_the_whole(counts):
    with pytest.raises(ValueError, match="larger than its whole"):
        Subset(*counts)


@pytest.mark.parametrize("counts", [(5, 5, 0, 0, 0, 0), (5, 5, 6, 6, 0, 0)])
def test_no_sample(counts):
    with pytest.raises(ValueError, match="between 1 and all"):
        Subset(*counts)


@pytest.mark.parametrize("n", [50, 200, 1500])
@pytest.mark.parametrize(("lost", "won"), [(15, 5), (100, 60), (400, 200)])
def test_subset_covers(n, lost, won):
    """Seeded; 2,000 questions, 1,200 right. 1,500 trials: the SE of 95% is 0.6%."""
    rng, trials = np.random.default_rng(5), 1500
    kinds = [1200 - lost, lost, 800 - won, won]
    seen = rng.multivariate_hypergeometric(kinds, n, trials).tolist()
    truth = (won - lost) / 2000
    hits = sum(
        truth in Subset(1200, 800, kept + b, rest + c, b, c).difference()
        for kept, b, rest, c in seen
    )
    assert hits / trials >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials)
