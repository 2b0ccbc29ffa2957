"""Verdicts against their definition, oracles, the interval printed beside them, and truth."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ggufeval.stats import compare
from ggufeval.stats.paired import mover
from ggufeval.stats.verdict import judge, verdict_of
from ggufeval.types import Design, Estimate, Verdict

WITHIN, WORSE, UNDECIDED = Verdict

COUNTS = st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(1, 14_000))
MARGIN = st.floats(0, 0.2)
K = st.integers(1, 12)
ALPHA = st.floats(0.001, 0.4)


def one(lost, won, n, **settings):
    return judge([lost], [won], [n], [1.0], **settings)


# --- by hand -------------------------------------------------------------------------------


def test_three_verdicts_by_hand():
    """10,000 questions, 200 flips, 90%: +- 1.645 sqrt(.02)/100 = .23 points, and a little more."""
    assert one(110, 90, 10_000).verdict is WITHIN
    assert one(150, 50, 10_000).verdict is UNDECIDED
    assert one(300, 50, 10_000).verdict is WORSE
    assert one(110, 90, 10_000).interval.low == pytest.approx(-0.002 - 0.00233, abs=1e-4)
    assert one(110, 90, 10_000).detectable == pytest.approx(0.00233, abs=5e-5)


def test_nothing_lost_is_a_matter_of_n():
    """No flip in n: the bound is Wilson's one-sided upper limit of 0, z^2 / (n + z^2)."""
    assert one(0, 0, 100).verdict is UNDECIDED
    assert one(0, 0, 1000).verdict is WITHIN
    upper = binomtest(0, 100).proportion_ci(0.9, method="wilson").high
    assert one(0, 0, 100).detectable == pytest.approx(upper)
    assert one(0, 0, 100).interval.low == pytest.approx(-upper)


def test_winning_is_within_every_margin():
    assert one(5, 60, 1000, margin=0.0).verdict is WITHIN


def test_more_candidates_need_more():
    assert one(40, 20, 2000).interval.level == pytest.approx(0.9)
    assert one(40, 20, 2000, n_candidates=5).interval.level == pytest.approx(0.98)
    assert one(120, 90, 4000, margin=0.0143).verdict is WITHIN
    assert one(120, 90, 4000, margin=0.0143, n_candidates=5).verdict is UNDECIDED


def test_a_loss_of_exactly_the_margin_is_within_it():
    """Where nothing is uncertain; .29 - .30 is a little less than -.01 in floats."""
    loss = 0.29 - 0.30
    assert loss < -0.01
    assert verdict_of(Estimate(loss, loss, loss), 0.01) is WITHIN
    assert verdict_of(Estimate(-0.0101, -0.0101, -0.0101), 0.01) is WORSE


# --- laws ----------------------------------------------------------------------------------


@given(COUNTS, MARGIN, K, ALPHA)
def test_a_verdict_never_contradicts_its_interval(counts, margin, k, alpha):
    lost, won, rest = counts
    n = lost + won + rest
    found = one(lost, won, n, margin=margin, n_candidates=k, alpha=alpha)
    assert found.interval == mover([lost], [won], [n], [1.0], level=1 - 2 * alpha / k)
    match found.verdict:
        case Verdict.WITHIN:
            assert found.interval.low >= -margin - 1e-11
        case Verdict.WORSE:
            assert found.interval.high < -margin
        case Verdict.UNDECIDED:
            assert found.interval.low < -margin
            assert found.interval.high >= -margin - 1e-11


@given(COUNTS, MARGIN, MARGIN)
def test_a_wider_margin_is_kinder(counts, one_margin, other):
    lost, won, rest = counts
    tight, wide = sorted((one_margin, other))
    order = [WORSE, UNDECIDED, WITHIN]
    verdicts = [
        order.index(one(lost, won, lost + won + rest, margin=m).verdict) for m in (tight, wide)
    ]
    assert verdicts == sorted(verdicts)


@given(COUNTS, K)
def test_what_can_be_detected_is_the_margin_that_no_loss_clears(counts, k):
    """The definition: as many flips, half of them lost, are within h and not within less."""
    lost, won, rest = counts
    n, half = lost + won + rest, (lost + won) / 2
    h = one(lost, won, n, n_candidates=k).detectable
    assert one(half, half, n, n_candidates=k, margin=h).verdict is WITHIN
    assert one(half, half, n, n_candidates=k, margin=h * 0.999).verdict is not WITHIN
    assert one(won, lost, n, n_candidates=k).detectable == pytest.approx(h)


@given(COUNTS, st.integers(2, 20))
def test_more_questions_detect_less(counts, factor):
    lost, won, rest = counts
    n = lost + won + rest
    assert one(lost * factor, won * factor, n * factor).detectable < one(lost, won, n).detectable


@pytest.mark.parametrize(("b", "c"), [(0.0125, 0.0025), (0.02, 0.01), (0.08, 0.07), (0.155, 0.145)])
@pytest.mark.parametrize("n", [200, 2000, 14_042])
def test_false_verdicts_are_rare(b, c, n):
    """Seeded; 2,000 trials at a loss of exactly the margin, where both verdicts are likeliest.

    A hair more lost, and `within` is false; a hair less, and `worse` is. Each may be said 5% of
    the time, give or take three standard errors of the simulation, 1.5%.
    """
    rng = np.random.default_rng(3)
    counts = rng.multinomial(n, [b, c, 1 - b - c], 2000)
    said = [one(lost, won, n).verdict for lost, won, _ in counts.tolist()]
    assert said.count(WITHIN) / len(said) <= 0.065
    assert said.count(WORSE) / len(said) <= 0.065


# --- in a comparison -----------------------------------------------------------------------


def runs(make_result, *letters, **settings):
    return [
        make_result({"law": text}, label=f"Tiny {i}", **settings) for i, text in enumerate(letters)
    ]


def test_each_candidate_is_judged(make_result):
    reference, same, worse = runs(
        make_result, "A" * 900 + "B" * 100, "A" * 900 + "B" * 100, "B" * 1000
    )
    c = compare(reference, [same, worse])
    assert [item.judgement.verdict for item in c.candidates] == [WITHIN, WORSE]
    assert (c.margin, c.alpha, c.unjudged) == (0.01, 0.05, "")
    first = c.candidates[0].judgement
    assert first == one(0, 0, 1000, n_candidates=2)
    assert first.interval.level == pytest.approx(0.95)


def test_margin_and_alpha_are_handed_on(make_result):
    reference, candidate = runs(make_result, "A" * 90 + "B" * 10, "A" * 86 + "B" * 14)
    c = compare(reference, [candidate], margin=0.2, alpha=0.1)
    assert c.candidates[0].judgement == one(4, 0, 100, margin=0.2, alpha=0.1)
    assert (c.margin, c.alpha) == (0.2, 0.1)
    assert c.candidates[0].judgement.verdict is WITHIN


def test_a_stratified_sample_is_judged_by_its_weights(make_result):
    kind = {"design": Design.STRATIFIED, "population": {"law": 900, "physics": 100}}
    reference = make_result({"law": "AAAAAAAA", "physics": "AAAAAABB"}, **kind)
    candidate = make_result({"law": "AAAAAAAB", "physics": "AAAAAAAB"}, **kind)
    (item,) = compare(reference, [candidate]).candidates
    assert item.judgement == judge([1, 0], [0, 1], [8, 8], [0.9, 0.1])
    assert item.judgement.interval.value == item.difference.micro.value


def test_no_verdict_against_a_reference_that_guesses(make_result):
    guesser, other = runs(make_result, "ABCD" * 10, "AABB" * 10)
    c = compare(guesser, [other])
    assert c.candidates[0].judgement is None
    assert c.unjudged == ""


def test_no_verdict_on_runs_that_are_not_finished(make_result):
    reference, candidate = runs(make_result, "A" * 20, "A" * 19 + "-")
    c = compare(reference, [candidate])
    assert c.candidates[0].judgement is None
    assert c.unjudged.startswith("No verdict: some of the questions that were planned are not")


def test_no_verdict_on_some_rotations(make_result):
    """Two questions with one and with two of their four rotations."""
    run = make_result({"law": "A" * 20}, permute="cyclic")
    more = replace(run, records=(*run.records, replace(run.records[0], rotation=1)))
    assert compare(more, [more]).unjudged.startswith("No verdict: some of the questions")


def test_no_verdict_on_runs_under_other_conditions(make_result):
    reference = make_result({"law": "A" * 20}, label="Tiny F16")
    candidate = make_result({"law": "A" * 20}, label="Tiny Q4_0", shots=0)
    c = compare(reference, [candidate], allow_mismatch=True)
    assert c.candidates[0].judgement is None
    assert c.unjudged.startswith("No verdict: the runs differ in more than the model")


def test_a_reference_by_itself_is_not_judged(make_result):
    assert compare(make_result({"law": "A" * 19 + "-"}), []).unjudged == ""
