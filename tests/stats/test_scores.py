"""One run by itself."""

import math
from dataclasses import replace

import pytest

from ggufeval.errors import ComparisonError
from ggufeval.stats import score
from ggufeval.stats.intervals import stratified, wilson
from ggufeval.types import Design


def test_a_full_run(make_result):
    s = score(make_result({"law": "AAAB", "physics": "AD?"}))
    assert (s.n, s.n_correct, s.n_unread) == (7, 4, 1)
    assert s.micro == wilson(4, 7)
    assert s.macro == stratified([3, 1], [4, 3], [0.5, 0.5])
    assert s.macro.value == pytest.approx((3 / 4 + 1 / 3) / 2)
    assert s.letter_counts == (4, 1, 0, 1)
    assert s.letter_mass == pytest.approx(0.9)
    assert s.questions_per_second == 3.5
    assert s.tokens_per_second == 350.0


def test_equal_numbers_a_subject_are_weighted_for_micro(make_result):
    whole = {"law": 900, "physics": 100}
    run = make_result({"law": "AB", "physics": "AA"}, design=Design.STRATIFIED, population=whole)
    s = score(run, level=0.9)
    assert s.micro == stratified([1, 2], [2, 2], [0.9, 0.1], level=0.9)
    assert s.micro.value == pytest.approx(0.55)
    assert s.macro.value == pytest.approx(0.75)
    assert s.macro.level == 0.9


def test_a_random_sample_leaves_subjects_out_of_macro(make_result):
    whole = {"law": 900, "physics": 100, "virology": 50}
    s = score(make_result({"law": "AAB", "physics": "B"}, design=Design.RANDOM, population=whole))
    assert s.micro == wilson(2, 4)
    assert s.macro.value == pytest.approx((2 / 3 + 0) / 2)


def test_an_unfinished_run_is_scored_as_far_as_it_came(make_result):
    s = score(make_result({"law": "AB-", "physics": "---"}))
    assert (s.n, s.n_correct) == (2, 1)


def test_no_time_no_speed(make_result):
    s = score(make_result({"law": "A"}, seconds=0.0))
    assert (s.questions_per_second, s.tokens_per_second) == (0.0, 0.0)


def test_letters_count_up_to_the_longest_question(make_result, make_question):
    run = make_result({"law": "AAB"})
    longer = make_question(0, n_choices=6)
    run = type(run)(run.run, (longer, *run.questions[1:]), run.records)
    assert score(run).letter_counts == (2, 1, 0, 0, 0, 0)


def test_nothing_recorded(make_result):
    with pytest.raises(ComparisonError, match="Tiny Q8_0 has no answers yet"):
        score(make_result({"law": "---"}))


def cloze(make_result, letters, logprobs, **run):
    """A run by likelihoods: the letters per byte, and the sums behind them."""
    result = make_result({"law": letters}, read="cloze", mass=math.nan, **run)
    records = tuple(
        replace(r, letter_logits=sums, logsumexp=0.0)
        for r, sums in zip(result.records, logprobs, strict=True)
    )
    return replace(result, records=records)


def test_sums_of_log_probabilities_have_a_verdict_of_their_own(make_result):
    right, wrong = (-1.0, -2.0, -3.0, -4.0), (-9.0, -2.0, -3.0, -4.0)
    s = score(cloze(make_result, "AB", [right, right]))
    assert s.micro == wilson(1, 2)
    assert s.summed == wilson(2, 2)
    assert score(cloze(make_result, "AA", [right, wrong])).summed == wilson(1, 2)
    assert math.isnan(s.letter_mass)
    weighted = {"design": Design.STRATIFIED, "population": {"law": 9}}
    s = score(cloze(make_result, "AB", [right, right], **weighted))
    assert s.summed == stratified([2], [2], [1.0])


def test_other_ways_of_reading_have_no_sums(make_result):
    assert score(make_result({"law": "AB"})).summed is None


def test_texts_have_no_logits(make_result):
    result = make_result({"law": "AB?"}, read="sample", mass=math.nan)
    records = [replace(r, letter_logits=()) for r in result.records]
    records[2] = replace(records[2], parse_error="unparsed: JSON was expected, found ''")
    s = score(replace(result, records=tuple(records)))
    assert (s.n, s.n_unread, s.n_unparsed, s.n_no_choice) == (3, 1, 1, 0)
    assert s.micro == wilson(1, 3)
    assert s.summed is None
    assert math.isnan(s.letter_mass)
