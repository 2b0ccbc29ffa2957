"""The betting test against its formula in fractions, its own laws, and simulated truth."""

import json
import math
from dataclasses import asdict
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggufeval.stats.sequential import (
    UNDECIDED,
    WITHIN,
    WORSE,
    SequentialTest,
    confidence_sequence,
    walk,
)

MARGINS = st.sampled_from([0.0, 0.01, 0.05, 0.29, 0.5])


@st.composite
def plans(draw, max_size=80):
    """(differences, margin): the answers to all questions of a plan, in its order."""
    kinds = draw(st.sampled_from([(-1, 0, 1), (-1, 0), (0, 1), (0, 0, 0, 0, -1, 1), (-1,), (0,)]))
    values = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=max_size))
    return values, draw(MARGINS)


def shuffled(rng, n, lost, won, trials):
    """Orders of one population of n questions."""
    answers = np.zeros(n)
    answers[:lost], answers[lost : lost + won] = -1, 1
    return rng.permuted(np.tile(answers, (trials, 1)), axis=1)


# --- the formula ---------------------------------------------------------------------------


def wealth(xs, n_plan, m):
    """K_t of one direction, word for word and in fractions; None once m_t leaves [0, 1]."""
    capital, out = Fraction(1), []
    for t, x in enumerate(xs, start=1):
        before = xs[: t - 1]
        m_t = (n_plan * m - sum(before)) / Fraction(n_plan - t + 1)
        if not 0 <= m_t <= 1:
            return [*out, *[None] * (len(xs) - len(out))]
        mu = (Fraction(5, 2) + sum(before)) / (t + 4)
        squares = sum((y - Fraction(1, 2)) ** 2 for y in before)
        s2 = (5 * Fraction(1, 80) + squares) / (t + 4) - (mu - Fraction(1, 2)) ** 2
        stake = max(Fraction(0), (mu - m_t) / (s2 + (mu - m_t) ** 2))
        if m_t > 0:
            stake = min(stake, Fraction(1, 2) / m_t)
        if m_t >= 1:
            stake = Fraction(0)
        capital *= 1 + stake * (x - m_t)
        out.append(capital)
    return out


@given(plans(max_size=30), st.integers(0, 20))
def test_the_bets_are_those_of_the_formula(plan, n_more):
    values, margin = plan
    n_plan = len(values) + n_more
    path = walk(values, n_plan, margin)
    m = (1 - Fraction(str(margin))) / 2
    xs = [Fraction(d + 1, 2) for d in values]
    for ours, theirs in [
        (path.within, wealth(xs, n_plan, m)),
        (path.worse, wealth([1 - x for x in xs], n_plan, 1 - m)),
    ]:
        known = [float(k) for k in theirs if k is not None]
        assert np.exp(ours[: len(known)]) == pytest.approx(known, rel=1e-9)


def test_two_questions_by_hand():
    """N = 4, M = 1/2, so m = 1/4; the first answers are the same, the second is lost.

    t = 1: m_1 = 1/4, mu = 1/2, s2 = 1/80; lambda = .25/(.0125 + .0625) = 10/3, cut to .5/m_1 = 2;
    x = 1/2: K = 1 + 2/4 = 3/2.
    t = 2: m_2 = (1 - 1/2)/3 = 1/6, s2 = 1/96; lambda = (1/3)/(1/96 + 1/9) = 96/35; x = 0:
    K = 3/2 (1 - 96/35/6) = 57/70. All the while mu > m_t: nothing is bet for `worse`.
    """
    path = walk([0, -1], 4, 0.5)
    assert np.exp(path.within) == pytest.approx([3 / 2, 57 / 70])
    assert path.worse.tolist() == [0, 0]


def test_the_threshold_is_k_over_alpha():
    """Nothing changes. The first bet: x - m = mu - m = .005, s2 = .0125, so lambda = .4."""
    path = walk([0], 100_000, 0.01)
    assert np.exp(path.within[0]) == pytest.approx(1 + 0.005**2 / (0.0125 + 0.005**2))
    one = SequentialTest(100_000, 0.01)
    eight = SequentialTest(100_000, 0.01, n_candidates=8)
    assert (one.threshold, eight.threshold) == (20, 160)
    same = np.zeros(2000)
    for test in (one, eight):
        grown = np.exp(walk(same, 100_000, 0.01).within)
        n_stop = test.after(same).n_stop
        assert n_stop == 1 + np.argmax(grown >= test.threshold)
    assert one.after(same).n_stop < eight.after(same).n_stop


# --- certainty -----------------------------------------------------------------------------


def test_certainty_by_hand():
    """N = 4, M = 1/2: two may be lost. After 0, -1, 0 one is lost and one is to come."""
    path = walk([0, -1, 0, -1], 4, 0.5)
    assert path.surely_within.tolist() == [False, False, True, True]
    assert not path.surely_worse.any()
    path = walk([-1, -1, 0, -1], 4, 0.5)
    assert path.surely_worse.tolist() == [False, False, False, True]
    assert not path.surely_within.any()


@given(plans())
def test_certain_is_what_no_answer_can_change(plan):
    """Against the worst and the best that the rest could be, in fractions."""
    values, margin = plan
    n = len(values)
    path = walk(values, n, margin)
    for t in range(1, n + 1):
        lost = -sum(values[:t])
        bound = Fraction(str(margin)) * n
        assert path.surely_within[t - 1] == (lost + (n - t) <= bound)
        assert path.surely_worse[t - 1] == (lost - (n - t) > bound)


@given(plans())
def test_a_finished_plan_is_decided(plan):
    """By counting, unless a bet was won before; without bets by counting alone."""
    values, margin = plan
    is_within = -sum(values) <= Fraction(str(margin)) * len(values)
    test = SequentialTest(len(values), margin, alpha=1e-300).after(values)
    assert test.verdict == ("within" if is_within else "worse")
    assert SequentialTest(len(values), margin).after(values).verdict != "undecided"


def test_a_loss_of_just_the_margin_is_within():
    """29 of 100; in floating point 100 * .29 is less than 29."""
    values = [-1] * 29 + [0] * 71
    assert SequentialTest(100, 0.29, alpha=1e-300).after(values).verdict == "within"
    assert SequentialTest(100, 0.29, alpha=1e-300).after([-1, *values[:-1]]).verdict == "worse"


# --- one value, fed bit by bit ---------------------------------------------------------------


@given(plans(), st.lists(st.integers(0, 80), max_size=6), st.integers(0, 100))
def test_chunks_do_not_matter(plan, cuts, n_more):
    """One at a time, in any chunks, or all at once, with a stay in a file between."""
    values, margin = plan
    start = SequentialTest(len(values) + n_more, margin, n_candidates=2, alpha=0.4)
    whole = start.after(values)
    single = start
    for value in values:
        single = single.after([value])
    parts = start
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    for low, high in pairwise(edges):
        stored = json.dumps(asdict(parts))
        parts = SequentialTest(**json.loads(stored)).after(values[low:high])
    for test in (single, parts):
        assert (test.verdict, test.n_stop) == (whole.verdict, whole.n_stop)
        assert (test.n, test.lost, test.won) == (whole.n, whole.lost, whole.won)
        logs = (test.log_within, test.log_worse, test.peak_within, test.peak_worse)
        wanted = (whole.log_within, whole.log_worse, whole.peak_within, whole.peak_worse)
        assert logs == pytest.approx(wanted, abs=1e-9)


@given(plans())
def test_a_verdict_stands(plan):
    values, margin = plan
    test, verdicts = SequentialTest(len(values), margin, alpha=0.3), []
    for value in values:
        test = test.after([value])
        verdicts.append(test.verdict)
    assert test.n_stop is not None
    assert set(verdicts[: test.n_stop - 1]) <= {"undecided"}
    assert set(verdicts[test.n_stop - 1 :]) == {test.verdict}


@given(plans(), st.floats(1.01, 50))
def test_never_both_at_once(plan, threshold):
    """What raises one kind of wealth lowers the other, or leaves it."""
    values, margin = plan
    path = walk(values, len(values), margin)
    steps = np.diff([path.within, path.worse], prepend=0)
    assert not ((steps[0] > 0) & (steps[1] > 0)).any()
    verdict, n_stop = (int(number) for number in path.decide(threshold))
    assert verdict in {WITHIN, WORSE}
    first = n_stop - 1
    bar = math.log(threshold)
    is_within = path.surely_within[first] or path.within[first] >= bar
    is_worse = path.surely_worse[first] or path.worse[first] >= bar
    assert (is_within, is_worse) == (verdict == WITHIN, verdict == WORSE)


@given(plans())
def test_the_directions_are_mirror_images(plan):
    values, margin = plan
    there = walk(values, len(values) + 5, margin)
    back = walk(-np.array(values), len(values) + 5, -margin)
    assert back.worse == pytest.approx(there.within, abs=1e-12)
    assert back.within == pytest.approx(there.worse, abs=1e-12)


def test_many_at_once():
    """Rows are candidates; undecided is 0, at 0."""
    rows = np.zeros((3, 50))
    rows[1], rows[2, ::2] = -1, -1
    path = walk(rows, 10_000, 0.01)
    verdicts, stops = path.decide(20)
    assert verdicts.tolist() == [UNDECIDED, WORSE, WORSE]
    for row, verdict, stop in zip(rows, verdicts, stops, strict=True):
        one = SequentialTest(10_000, 0.01).after(row)
        names = {UNDECIDED: "undecided", WORSE: "worse"}
        assert (one.verdict, one.n_stop or 0) == (names[int(verdict)], stop)


def test_nothing_is_nothing():
    test = SequentialTest(10, 0.01)
    assert test.after([]) == test
    assert test.verdict == "undecided"
    assert test.n_stop is None


def test_what_is_no_answer_or_no_margin():
    with pytest.raises(ValueError, match="3 questions; found answers to 4"):
        SequentialTest(3, 0.01).after([0, 0]).after([0, 0])
    with pytest.raises(ValueError, match="lost, won or neither"):
        SequentialTest(3, 0.01).after([0.5])
    with pytest.raises(ValueError, match="between 0 and 1; found 1"):
        SequentialTest(3, 1)


# --- the confidence sequence ---------------------------------------------------------------


def kept(values, n_plan, level):
    """All losses, in questions, that are not refuted: every one looked at."""
    lost, rest = -sum(values), n_plan - len(values)
    bar = math.log(2 / (1 - level))
    paths = [(j, walk(values, n_plan, j / n_plan)) for j in range(lost - rest, lost + rest + 1)]
    return [j for j, path in paths if max(path.within.max(), path.worse.max()) < bar]


@pytest.mark.parametrize("n", [1, 12, 60, 100, 119, 120])
@pytest.mark.parametrize(("lost", "won"), [(0, 0), (12, 6), (40, 20), (3, 30)])
def test_the_limits_are_the_last_that_are_not_refuted(n, lost, won):
    rng = np.random.default_rng(n)
    (order,) = shuffled(rng, 120, lost, won, 1).astype(int).tolist()
    values = order[:n]
    losses = kept(values, 120, 0.95)
    estimate = confidence_sequence(values, 120)
    assert (estimate.value, estimate.level) == (np.mean(values), 0.95)
    assert estimate.low == pytest.approx(min(-max(losses) / 120, estimate.value))
    assert estimate.high == pytest.approx(max(-min(losses) / 120, estimate.value))


def test_a_finished_plan_has_no_width():
    estimate = confidence_sequence([0, -1, 1, -1], 4)
    assert (estimate.low, estimate.value, estimate.high) == (-0.25, -0.25, -0.25)


def test_where_luck_has_refuted_the_mean():
    """All lost in the first half, then nothing more: no loss is compatible with that order."""
    values = [-1] * 400 + [0] * 300
    assert kept(values, 1000, 0.95) == []
    estimate = confidence_sequence(values, 1000)
    assert estimate.low <= estimate.value <= estimate.high
    with pytest.raises(ValueError, match="at least one question"):
        confidence_sequence([], 10)


@pytest.mark.parametrize("n_candidates", [1, 8])
def test_the_interval_beside_a_verdict_does_not_contradict_it(n_candidates):
    """Level 1 - 2 alpha/k has the threshold of the test."""
    rng = np.random.default_rng(3)
    for order in shuffled(rng, 2000, 60, 55, 10):
        test = SequentialTest(2000, 0.01, n_candidates).after(order)
        assert test.verdict == "within"
        level = 1 - 2 * test.alpha / n_candidates
        at_stop = confidence_sequence(order[: test.n_stop], 2000, level=level)
        assert at_stop.low > -0.01
        before = confidence_sequence(order[: test.n_stop - 1], 2000, level=level)
        assert before.low <= -0.01


# --- simulated truth -----------------------------------------------------------------------


@pytest.mark.parametrize(("lost", "won"), [(20, 0), (80, 60), (310, 290)])
def test_false_verdicts_are_rare(lost, won):
    """Seeded; the loss is just the margin: either verdict by betting is false once in 20 at most.

    400 trials: the SE of 5% is 1.1%; three of them are allowed.
    """
    orders = shuffled(np.random.default_rng(11), 2000, lost, won, 400)
    path = walk(orders, 2000, 20 / 2000)
    for logs in (path.within, path.worse):
        false = (logs.max(axis=1) >= math.log(20)).mean()
        assert false <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
