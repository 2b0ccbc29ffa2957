"""The letters' probabilities against scipy, worked examples and the laws of the divergence."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, rel_entr, softmax
from scipy.stats import sem

from ggufeval.stats import compare
from ggufeval.stats.divergence import divergence, kullback_leibler
from ggufeval.stats.sample import Answers, Sample
from ggufeval.types import Design

LOGITS = st.lists(st.floats(-30, 30), min_size=4, max_size=4)
PAIRS = st.lists(st.tuples(LOGITS, LOGITS), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def measure(make_question, make_record):
    """The divergence of one list of logits a question from another; gold is A."""

    def of(reference, candidate, rotations=None):
        asked = rotations or [0] * len(reference)
        first = [sum(r == 0 for r in asked[: i + 1]) for i in range(len(asked))]
        questions = [
            make_question(i, n_choices=len(row)) for i, row in zip(first, reference, strict=True)
        ]
        sample = Sample.of(questions, Design.RANDOM, {"law": 1000}, asked)
        answers = [
            Answers.of(
                [
                    replace(
                        make_record(q, max(range(len(row)), key=row.__getitem__, default=0)),
                        letter_logits=tuple(row),
                    )
                    for q, row in zip(questions, rows, strict=True)
                ]
            )
            for rows in (reference, candidate)
        ]
        return divergence(*answers, sample)

    return of


def logs(*shares):
    return [math.log(share) for share in shares]


# --- by hand -------------------------------------------------------------------------------


def test_two_questions_by_hand(measure):
    """KLD of (1/2, 1/2) from (1/4, 3/4) is ln 2 / 2 + ln(2/3) / 2 = .1438; the other stays."""
    even, tilted = logs(0.5, 0.5), logs(0.25, 0.75)
    d = measure([even, tilted], [tilted, tilted])
    one = math.log(2) / 2 + math.log(2 / 3) / 2
    assert one == pytest.approx(0.1438, abs=1e-4)
    assert d.mean == d.median == pytest.approx(one / 2)
    assert d.maximum == pytest.approx(one)
    assert d.standard_error == pytest.approx(one / 2)  # s = one / sqrt(2), n = 2
    assert d.gold_rms == pytest.approx(math.sqrt(0.25**2 / 2))
    assert d.same == 0.5


def test_what_all_logits_share_does_not_matter(measure):
    row = [1.0, 2.0, 0.5, -1.0]
    d = measure([row], [[x + 7 for x in row]])
    assert (d.mean, d.maximum, d.gold_rms) == pytest.approx((0, 0, 0), abs=1e-12)
    assert d.same == 1
    assert math.isnan(d.standard_error)


def test_questions_with_fewer_choices(measure):
    two, ten = logs(0.9, 0.1), [float(i) for i in range(10)]
    d = measure([two, ten], [logs(0.5, 0.5), ten])
    expected = rel_entr([0.9, 0.1], [0.5, 0.5]).sum()
    assert d.maximum == pytest.approx(expected)
    assert d.mean == pytest.approx(expected / 2)


def test_a_probability_too_small_for_a_float(measure):
    d = measure([[0.0, 0.0]], [[0.0, -2000.0]])
    assert d.mean == pytest.approx(math.log(0.5) + 0.5 * 2000)


def test_rotations_are_one_question(measure):
    """Two questions, one of them in two rotations: their mean is one value of two."""
    even, tilted = logs(0.5, 0.5), logs(0.25, 0.75)
    one = rel_entr([0.5, 0.5], [0.25, 0.75]).sum()
    d = measure([even, even, even], [tilted, even, even], [0, 1, 0])
    assert d.mean == pytest.approx(one / 4)
    assert d.maximum == pytest.approx(one / 2)
    assert d.same == 0.75


@pytest.mark.parametrize("row", [[], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0, -math.inf]])
def test_without_a_logit_for_each_choice_there_is_none(measure, row):
    full = [1.0, 2.0, 3.0, 4.0]
    assert measure([full, full], [full, row]) is None


# --- oracles and laws ----------------------------------------------------------------------


@given(PAIRS)
def test_as_scipy_has_it(measure, pairs):
    reference, candidate = zip(*pairs, strict=True)
    p, q = softmax(reference, axis=1), softmax(candidate, axis=1)
    each = rel_entr(p, q).sum(axis=1)
    d = measure(reference, candidate)
    close = {"rel": 1e-6, "abs": 1e-12}
    assert d.mean == pytest.approx(each.mean(), **close)
    assert d.median == pytest.approx(np.median(each), **close)
    assert d.p99 == pytest.approx(np.quantile(each, 0.99), **close)
    assert d.maximum == pytest.approx(each.max(), **close)
    assert d.gold_rms == pytest.approx(np.sqrt(((p - q)[:, 0] ** 2).mean()), **close)
    assert d.same == np.mean(np.argmax(reference, axis=1) == np.argmax(candidate, axis=1))
    if len(pairs) > 1:
        assert d.standard_error == pytest.approx(sem(each), **close)


@given(LOGITS, LOGITS)
def test_it_is_never_negative_and_nothing_only_between_equals(one, other):
    log_p, log_q = (log_softmax([row], axis=1) for row in (one, other))
    assert kullback_leibler(log_p, log_q)[0] >= 0
    assert kullback_leibler(log_p, log_p)[0] == 0


# --- in a comparison -----------------------------------------------------------------------


def test_in_a_comparison(make_result):
    reference, candidate = make_result({"law": "AAAB"}), make_result({"law": "ABCC"})
    (item,) = compare(reference, [candidate]).candidates
    d = item.difference
    assert item.divergence.mean == 0  # of equal logits
    assert item.divergence.same == 1 - (d.lost + d.won + d.changed) / 4


@pytest.mark.parametrize("read", ["cloze", "sample"])
def test_other_ways_of_reading_have_none(make_result, read):
    result = make_result({"law": "AAAB"}, read=read)
    assert compare(result, [result]).candidates[0].divergence is None
