"""The paired formulas against the literature, oracles, their own laws, and simulated truth."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from ggufeval.stats.paired import discordance, holm, mcnemar_midp, mover
from ggufeval.stats.sample import UNREAD, Answers


@st.composite
def tables(draw, max_size=6):
    """(lost, won, sizes, weights) of 1 to `max_size` subjects."""
    rows = draw(
        st.lists(st.tuples(*[st.integers(0, 30)] * 3), min_size=1, max_size=max_size).map(
            lambda rows: [r for r in rows if sum(r)] or [(0, 0, 1)]
        )
    )
    whole = np.array([draw(st.integers(1, 1000)) for _ in rows], dtype=float)
    lost, won, _ = zip(*rows, strict=True)
    return lost, won, [sum(row) for row in rows], whole / whole.sum()


# --- discordance ---------------------------------------------------------------------------


def answers(letters, gold):
    letters, gold = np.array(letters), np.array(gold)
    return Answers(letters, letters == gold, np.ones(len(letters)), letters < 0)


def test_discordance():
    gold = [0, 0, 0, 0, 0, 0]
    reference = answers([0, 0, 1, 1, 1, 1], gold)
    candidate = answers([0, 1, 0, 1, 2, UNREAD], gold)
    flips = discordance(reference, candidate)
    assert flips.lost.tolist() == [False, True, False, False, False, False]
    assert flips.won.tolist() == [False, False, True, False, False, False]
    assert flips.changed.tolist() == [False, False, False, False, True, True]


# --- McNemar -------------------------------------------------------------------------------


def test_midp_as_in_fagerland():
    """Fagerland et al. (2013), table 1: 2 * 9/256 - 8/256.

    Airway hyper-responsiveness before and after stem cell transplantation, 21 children.
    """
    assert mcnemar_midp(1, 7) == pytest.approx(0.0391, abs=5e-5)


def test_midp_by_hand():
    assert mcnemar_midp(0, 1) == pytest.approx(1 - 1 / 2)
    assert mcnemar_midp(0, 5) == pytest.approx(2 / 32 - 1 / 32)
    assert mcnemar_midp(3, 1) == pytest.approx(2 * 5 / 16 - 4 / 16)


@given(st.integers(0, 3000), st.integers(0, 3000))
@example(0, 2344)  # a p near the least float
def test_midp_is_a_p_value_without_a_side(lost, won):
    p = mcnemar_midp(lost, won)
    assert 0 <= p <= 1
    assert mcnemar_midp(won, lost) == p
    assert (p == 1) == (lost == won)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_midp_is_half_a_step_below_the_exact_test(counts):
    lost, n = counts
    if 2 * lost != n:
        exact = binomtest(lost, n).pvalue
        assert mcnemar_midp(lost, n - lost) == pytest.approx(exact - binom.pmf(lost, n, 0.5))


def test_no_flips_no_difference():
    assert mcnemar_midp(0, 0) == 1
    assert mcnemar_midp(12, 12) == 1


# --- Holm ----------------------------------------------------------------------------------


def test_holm_by_hand():
    """4 * .005, 3 * .01, 2 * .03, and .04 raised to its predecessor."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


def test_holm_of_one_and_of_none():
    assert holm([0.03]) == (0.03,)
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), max_size=10))
def test_holm_lies_between_nothing_and_bonferroni(p_values):
    adjusted = holm(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        assert p <= q <= min(1, len(p_values) * p) or q == pytest.approx(p)
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [adjusted[i] for i in order] == sorted(adjusted)


@given(st.permutations([0.001, 0.012, 0.02, 0.02, 0.7]))
def test_holm_does_not_care_for_order(p_values):
    by_value = dict(zip(p_values, holm(p_values), strict=True))
    assert by_value == pytest.approx({0.001: 0.005, 0.012: 0.048, 0.02: 0.06, 0.7: 0.7})


# --- MOVER ---------------------------------------------------------------------------------


def oracle(lost, won, n, level=0.95):
    """The formula once more, from scipy's Wilson limits of a simple random sample."""
    b, c = lost / n, won / n
    lb, ub = binomtest(lost, n).proportion_ci(level, method="wilson")
    lc, uc = binomtest(won, n).proportion_ci(level, method="wilson")
    r = -math.sqrt(b * c / ((1 - b) * (1 - c))) if max(b, c) < 1 else 0
    low = c - b - math.sqrt((c - lc) ** 2 + (ub - b) ** 2 - 2 * r * (c - lc) * (ub - b))
    high = c - b + math.sqrt((uc - c) ** 2 + (b - lb) ** 2 - 2 * r * (uc - c) * (b - lb))
    return c - b, low, high


@given(st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(1, 14_000)))
def test_mover_of_a_simple_sample(counts):
    lost, won, rest = counts
    n = lost + won + rest
    estimate = mover([lost], [won], [n], [1.0])
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(
        oracle(lost, won, n), abs=1e-9
    )


def test_mover_by_hand():
    """21 children, b = 1, c = 7 (Fagerland et al., 2013).

    Wilson: 1/21 from .0085 to .2267, 7/21 from .1719 to .5463;
    r = -.1581; low = .2857 - sqrt(.1614^2 + .1791^2 + 2 * .1581 * .1614 * .1791),
    high = .2857 + sqrt(.2130^2 + .0391^2 + 2 * .1581 * .2130 * .0391).
    """
    estimate = mover([1], [7], [21], [1.0])
    assert estimate.value == pytest.approx(6 / 21)
    assert (estimate.low, estimate.high) == pytest.approx((0.0264, 0.5083), abs=1e-3)


def test_mover_where_nothing_was_won():
    """low is minus the upper Wilson limit of b: nothing else is uncertain on that side."""
    estimate = mover([3], [0], [200], [1.0])
    _, upper = binomtest(3, 200).proportion_ci(method="wilson")
    assert estimate.low == pytest.approx(-upper)


def test_mover_where_nothing_changed():
    estimate = mover([0], [0], [500], [1.0])
    _, upper = binomtest(0, 500).proportion_ci(method="wilson")
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0, -upper, upper))


def test_mover_where_everything_changed():
    assert mover([5], [0], [5], [1.0]).low == -1
    both = mover([2], [3], [5], [1.0])
    assert -1 <= both.low < 0.2 < both.high <= 1


def test_equal_subjects_are_no_subjects():
    """The same shares in every subject: n_e is n, and the interval that of the plain sample."""
    plain = mover([6], [3], [90], [1.0])
    macro = mover([2, 2, 2], [1, 1, 1], [30, 30, 30], [1 / 3] * 3)
    assert (macro.value, macro.low, macro.high) == pytest.approx(
        (plain.value, plain.low, plain.high)
    )


@given(tables(), st.floats(0.5, 0.999))
def test_mover_holds_its_estimate_and_stays_a_difference(case, level):
    estimate = mover(*case, level=level)
    assert -1 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.high > estimate.low


@given(tables())
def test_swapping_the_models_swaps_the_sign(case):
    lost, won, sizes, weights = case
    there, back = mover(lost, won, sizes, weights), mover(won, lost, sizes, weights)
    assert (back.value, back.low, back.high) == (-there.value, -there.high, -there.low)


@given(tables(), st.integers(2, 20))
def test_mover_shrinks_with_n(case, factor):
    lost, won, sizes, weights = case
    few = mover(lost, won, sizes, weights)
    many = mover(*(np.array(x) * factor for x in (lost, won, sizes)), weights)
    assert many.high - many.low < few.high - few.low


@given(tables())
def test_everything_asked_has_no_width(case):
    estimate = mover(*case, fractions=1.0)
    assert estimate.low == estimate.value == estimate.high


def test_a_share_of_the_population_narrows():
    free = mover([5, 2], [1, 2], [50, 50], [0.5, 0.5])
    asked = mover([5, 2], [1, 2], [50, 50], [0.5, 0.5], fractions=[0.5, 0.5])
    assert asked.high - asked.low < free.high - free.low


@pytest.mark.parametrize(("lost", "won"), [(0.005, 0.005), (0.02, 0.01), (0.2, 0.08)])
@pytest.mark.parametrize(
    "design", ["200 at random", "2000 at random", "10 a subject, macro", "10 a subject, micro"]
)
def test_mover_covers(lost, won, design):
    """Seeded; 1,500 trials: the SE of 95% is 0.6%. Few flips make it conservative, never less."""
    rng = np.random.default_rng(7)
    trials = 1500
    if design.endswith("random"):
        sizes, weights = np.array([int(design.split()[0])]), np.array([1.0])
    else:
        sizes = np.full(57, 10)
        whole = rng.lognormal(5.3, 0.6, 57) if design.endswith("micro") else np.ones(57)
        weights = whole / whole.sum()
    spread = rng.uniform(0.3, 1.7, len(sizes))
    spread /= weights @ spread
    delta = won - lost
    counts = np.stack(
        [
            rng.multinomial(n, [lost * s, won * s, 1 - (lost + won) * s], trials)
            for n, s in zip(sizes, spread, strict=True)
        ]
    )
    hits = sum(
        delta in mover(counts[:, i, 0], counts[:, i, 1], sizes, weights) for i in range(trials)
    )
    assert hits / trials >= 0.94
