"""A run beside a published figure."""

import math

import pytest

from ggufeval.stats.agreement import agreement
from ggufeval.types import Design, PublishedScore


def published(percent, average="macro", allowance=0.0):
    return PublishedScore(
        quantization="F16",
        task="mmlu",
        prompt="meta",
        shots=5,
        average=average,
        accuracy=percent / 100,
        allowance=allowance / 100,
        source="somebody",
    )


def test_all_questions_leave_nothing_to_chance(make_result):
    result = make_result({"law": "AAAB", "art": "AB"})
    found = agreement(result, published(62.5))
    assert (found.measured.low, found.measured.value, found.measured.high) == (0.625,) * 3
    assert found.agrees
    assert (found.n, found.n_population) == (6, 6)
    assert not agreement(result, published(63)).agrees
    assert agreement(result, published(63, allowance=0.5)).agrees
    assert not agreement(result, published(63.1, allowance=0.5)).agrees


def test_micro_counts_every_question(make_result):
    result = make_result({"law": "AAAB", "art": "AB"})
    assert agreement(result, published(66.7, "micro")).measured.value == pytest.approx(4 / 6)


def test_a_sample_has_the_finite_population_correction(make_result):
    letters = {"law": "A" * 30 + "B" * 20, "art": "A" * 20 + "B" * 30}
    half = {"law": 100, "art": 100}
    huge = {"law": 10**9, "art": 10**9}
    widths = []
    for population in (half, huge):
        result = make_result(letters, design=Design.STRATIFIED, population=population)
        estimate = agreement(result, published(50)).measured
        assert estimate.value == 0.5
        widths.append(estimate.high - estimate.low)
    assert widths[0] / widths[1] == pytest.approx(math.sqrt(1 / 2), rel=0.02)


def test_a_stratified_sample_is_weighted_for_micro(make_result):
    result = make_result(
        {"law": "AB", "art": "AA"}, design=Design.STRATIFIED, population={"law": 30, "art": 10}
    )
    assert agreement(result, published(50, "micro")).measured.value == pytest.approx(0.625)
    assert agreement(result, published(50, "macro")).measured.value == pytest.approx(0.75)


def test_an_answer_that_could_not_be_read_is_wrong(make_result):
    assert agreement(make_result({"law": "A?"}), published(50)).measured.value == 0.5
