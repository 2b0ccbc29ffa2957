"""Comparisons of runs that ended before their plan."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ggufeval.errors import ComparisonError
from ggufeval.report import numerals
from ggufeval.stats import compare
from ggufeval.stats.sequential import SequentialTest, confidence_sequence
from ggufeval.stats.subset import Subset
from ggufeval.types import RunStatus, Verdict


@pytest.fixture
def make_run(make_result):
    """Answers to the first of `n_plan` questions: gold is A."""

    def make(answers, n_plan, *, label="Tiny Q4_0", stopping="verdict"):
        found = make_result(
            {"law": answers}, label=label, stopping=stopping, population={"law": n_plan}
        )
        run = replace(found.run, n_questions=n_plan, status=RunStatus.STOPPED)
        return replace(found, run=run, positions=tuple(range(len(answers))))

    return make


def test_a_level_that_loses_much_is_worse_before_the_end(make_run):
    reference = make_run("A" * 300, 1000, label="Tiny F16")
    bad = make_run("AB" * 100, 1000)
    c = compare(reference, [bad], margin=0.01, alpha=0.05)
    d = np.array([0, -1] * 100)
    test = SequentialTest(1000, 0.01).after(d)
    (item,) = c.candidates
    assert item.judgement.verdict is test.verdict is Verdict.WORSE
    assert item.judgement.n_stop == test.n_stop < 200
    assert item.judgement.interval == confidence_sequence(d, 1000, level=0.9)
    assert item.difference.micro == confidence_sequence(d, 1000)
    assert (item.difference.lost, item.difference.won) == (100, 0)
    assert (c.reference.n, item.score.n, c.n_population) == (300, 200, 1000)
    assert c.stopping == "verdict"


def test_what_an_early_end_forbids_is_not_there(make_run):
    reference = make_run("AAAB" * 50, 1000, label="Tiny F16")
    (item,) = compare(reference, [make_run("AAAB" * 50, 1000)]).candidates
    assert math.isnan(item.difference.mcnemar_p)
    assert math.isnan(item.holm_p)
    assert math.isnan(item.difference.macro.value)
    assert math.isnan(item.score.macro.value)
    assert numerals.percent_interval(item.score.macro) == ""


def test_the_bar_rises_with_the_number_of_levels(make_run):
    reference = make_run("A" * 400, 1000, label="Tiny F16")
    level = make_run("A" * 190 + "B" * 10 + "A" * 200, 1000)
    alone = compare(reference, [level]).candidates[0].judgement
    among = compare(reference, [level] * 8).candidates[0].judgement
    assert among.interval.low < alone.interval.low
    assert among.interval.level == pytest.approx(1 - 2 * 0.05 / 8)


def test_each_level_has_a_number_of_questions_of_its_own(make_run):
    reference = make_run("AAAB" * 100, 1000, label="Tiny F16")
    c = compare(reference, [make_run("AAAB" * 30, 1000), make_run("AAAB" * 60, 1000)])
    assert [item.score.n for item in c.candidates] == [120, 240]


def test_only_the_answers_before_the_first_gap_count(make_run):
    reference = make_run("A" * 100, 1000, label="Tiny F16")
    broken = make_run("A" * 50 + "B" * 20, 1000)
    gap = replace(broken, positions=(*range(50), *range(60, 80)))
    (item,) = compare(reference, [gap]).candidates
    assert item.score.n == 50
    assert item.difference.lost == 0


def test_at_the_plans_end_it_is_counting(make_run):
    reference = make_run("A" * 99 + "B", 100, label="Tiny F16")
    (item,) = compare(reference, [make_run("A" * 98 + "BB", 100)], margin=0.01).candidates
    assert item.judgement.verdict is Verdict.WITHIN
    assert item.difference.micro.low == item.difference.micro.high == pytest.approx(-0.01)
    assert item.score.micro.value == item.score.micro.low == pytest.approx(0.98)


def test_a_reference_that_guesses_gives_no_verdict(make_run):
    guesser = make_run("ABCD" * 25, 1000, label="Tiny F16")
    c = compare(guesser, [guesser])
    assert c.reference_at_chance
    assert c.candidates[0].judgement is None


def test_a_reference_that_has_answered_all_can_guess_too(make_run):
    """Its accuracy on these questions is exact, and says nothing of others."""
    guesser = make_run(("ABCD" * 25)[:-1] + "A", 100, label="Tiny F16")
    c = compare(guesser, [guesser])
    assert c.reference.micro.low == c.reference.micro.value == pytest.approx(0.26)
    assert c.reference_at_chance


def test_a_plain_run_beside_one_that_ended_early_is_refused(make_run, make_result):
    plain = make_result({"law": "A" * 10}, label="Tiny F16")
    with pytest.raises(ComparisonError, match="with their like"):
        compare(plain, [make_run("A" * 10, 10)], allow_mismatch=True)


def test_a_budget_is_sorted_by_what_the_reference_got_right(make_run):
    stopping = "budget 40"
    answers = ("A" * 7 + "BBB") * 10
    reference = make_run(answers, 100, label="Tiny F16", stopping=stopping)
    level = make_run("B" + answers[1:40], 100, stopping=stopping)
    c = compare(reference, [level])
    (item,) = c.candidates
    subset = Subset(70, 30, 28, 12, 1, 0)
    assert item.difference.micro == subset.difference()
    assert item.score.micro == subset.accuracy()
    assert item.judgement.interval == subset.difference(level=0.9)
    assert c.reference.micro.low == c.reference.micro.high == pytest.approx(0.7)


def test_a_budget_wants_all_of_the_references_answers(make_run):
    short = make_run("A" * 99, 100, label="Tiny F16", stopping="budget 40")
    level = make_run("A" * 40, 100, stopping="budget 40")
    with pytest.raises(ComparisonError, match="100 answers of the reference and 40 of it"):
        compare(short, [level])


def test_a_budget_that_is_not_spent_is_told(make_run):
    whole = make_run("A" * 100, 100, label="Tiny F16", stopping="budget 40")
    level = make_run("A" * 39, 100, stopping="budget 40")
    with pytest.raises(ComparisonError, match="found 100 and 39"):
        compare(whole, [level])


def test_a_run_without_a_whole_beginning_cannot_be_compared(make_run):
    reference = make_run("A" * 10, 100, label="Tiny F16")
    with pytest.raises(ComparisonError, match="has no round of answers yet"):
        compare(reference, [replace(reference, positions=tuple(range(5, 15)))])


def test_groups_are_refused(make_run):
    run = make_run("A" * 10, 100)
    with pytest.raises(ComparisonError, match="without --by"):
        compare(run, [run], by="subject")
