"""What could be shown, held against the verdict that it foresees."""

from __future__ import annotations

import numpy as np
import pytest

from ggufeval.stats.outlook import DISCORDANCES, detectable
from ggufeval.stats.verdict import judge
from ggufeval.types import Design, Question, Verdict

POPULATION = {"anatomy": 100, "law": 1500, "virology": 400}


def questions(n_each):
    return [
        Question(f"{subject}/{i}", subject, "?", ("a", "b"), 0)
        for subject in POPULATION
        for i in range(n_each)
    ]


@pytest.mark.parametrize("share", DISCORDANCES)
def test_a_level_with_so_many_flips_is_within_from_there_on(share):
    margin = detectable(
        questions(200), Design.STRATIFIED, POPULATION, share, n_candidates=3, alpha=0.05
    )
    flips = np.full(3, 200 * share / 2)
    weights = np.array([100, 1500, 400]) / 2000
    judged = [
        judge(flips, flips, [200] * 3, weights, n_candidates=3, alpha=0.05, margin=margin * factor)
        for factor in (1.001, 0.999)
    ]
    assert [one.verdict for one in judged] == [Verdict.WITHIN, Verdict.UNDECIDED]


def test_other_samples_weigh_all_questions_alike():
    found = detectable(questions(200), Design.RANDOM, POPULATION, 0.07)
    expected = judge([21], [21], [600], [1.0]).detectable
    assert found == pytest.approx(expected)
    assert found < detectable(questions(200), Design.STRATIFIED, POPULATION, 0.07)


def test_more_flips_and_more_candidates_show_less_and_more_questions_more():
    def margin(n_each, share, k):
        return detectable(questions(n_each), Design.FULL, POPULATION, share, n_candidates=k)

    assert margin(200, 0.02, 1) < margin(200, 0.07, 1) < margin(200, 0.07, 4)
    assert margin(800, 0.07, 1) == pytest.approx(margin(200, 0.07, 1) / 2, rel=0.02)
