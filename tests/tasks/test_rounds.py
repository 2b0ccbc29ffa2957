"""The order and the rounds of runs that may end early."""

from __future__ import annotations

import pytest

from ggufeval import tasks
from ggufeval.errors import UsageError
from ggufeval.tasks import rounds


@pytest.fixture(scope="module")
def everything():
    return tasks.load("sample", None, shots=0)


def test_the_order_is_one_of_the_seeds(everything):
    one, same, other = (rounds.until_verdict(everything, seed) for seed in (0, 0, 1))
    assert one == same
    assert one.questions != other.questions
    assert set(one.questions) == set(everything.questions)
    assert (one.seed, one.stopping, one.design) == (0, "verdict", everything.design)


def test_rounds_grow_by_a_tenth(everything, monkeypatch):
    monkeypatch.setattr(rounds, "FIRST", 10)
    sizes = rounds.until_verdict(everything, 0).rounds
    assert sizes == (10,) * 11 + (11, 13, 14, 12)
    assert sum(sizes) == len(everything.questions)


def test_few_questions_are_one_round(everything):
    assert rounds.until_verdict(everything, 0).rounds == (160,)


def test_a_budgets_questions_are_those_that_a_sample_draws(everything):
    budget = rounds.within_budget(everything, 20, 3)
    sample = tasks.load("sample", None, sample=20, seed=3, shots=0)
    assert set(budget.questions[:20]) == set(sample.questions)
    assert (budget.rounds, budget.stopping) == ((20, 140), "budget 20")


@pytest.mark.parametrize("n", [0, 160, 161])
def test_a_budget_is_a_part_of_the_questions(everything, n):
    with pytest.raises(UsageError, match="below that of the questions, 160"):
        rounds.within_budget(everything, n, 0)


def test_equal_numbers_a_subject_are_refused():
    questions = tasks.load("sample", None, limit=32, shots=0)
    with pytest.raises(UsageError, match="Leave --limit out"):
        rounds.until_verdict(questions, 0)
    with pytest.raises(UsageError, match="Leave --limit out"):
        rounds.within_budget(questions, 5, 0)
