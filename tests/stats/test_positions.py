"""Questions that are asked in every rotation of their choices."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggufeval.stats import compare, score
from ggufeval.stats.agreement import agreement
from ggufeval.stats.intervals import stratified, wilson
from ggufeval.stats.paired import mover
from ggufeval.types import Design, PublishedScore


@pytest.fixture(scope="session")
def make_rotated(make_result, make_question, make_record):
    """Return a factory: `answers` holds, for each question, a letter a rotation ("AAAB").

    Letters are those of the question as it is, whose gold is A; as many choices as letters. `?`
    could not be read, `-` is not recorded.
    """

    def make(answers, subject="law", n_choices=None, **run):
        run.setdefault("permute", "cyclic")
        base = make_result({subject: "A" * len(answers)}, **run)
        questions = tuple(
            make_question(i, subject, n_choices=n_choices or len(letters))
            for i, letters in enumerate(answers)
        )
        records = tuple(
            make_record(q, None, rotation=r, parse_error="no choice: none is 'x'")
            if letter == "?"
            else make_record(q, "ABCDEFGHIJ".index(letter), rotation=r)
            for q, letters in zip(questions, answers, strict=True)
            for r, letter in enumerate(letters)
            if letter != "-"
        )
        return replace(base, questions=questions, records=records)

    return make


def test_a_question_is_one_observation(make_rotated):
    s = score(make_rotated(["AAAA", "AABB", "BBBB"]))
    assert (s.n, s.n_correct, s.n_answers) == (3, 6, 12)
    assert s.micro == wilson(1.5, 3)
    assert s.macro == stratified([1.5], [3], [1.0])


def test_letters_are_counted_as_they_were_shown(make_rotated):
    # Always the first letter: choice r in rotation r.
    s = score(make_rotated(["ABCD"] * 2))
    assert s.letter_counts == (8, 0, 0, 0)
    assert s.micro.value == 0.25


def test_accuracy_by_the_position_of_the_right_choice(make_rotated):
    # Gold A is shown at A, D, C and B in rotations 0 to 3.
    p = score(make_rotated(["ABAA", "AABA", "BBBB"])).positions
    hits = [round(3 * e.value) for e in p.by_position]
    assert hits == [2, 2, 1, 1]
    assert p.by_position[3] == wilson(1, 3)
    assert p.same == wilson(1, 3)


def test_questions_with_fewer_choices_have_no_later_positions(make_rotated):
    p = score(make_rotated(["AA", "ABBB"])).positions
    assert [e.value for e in p.by_position] == [1, 0.5, 0, 0]
    assert p.by_position[0] == wilson(2, 2)
    assert p.by_position[2] == wilson(0, 1)


def test_what_could_not_be_read_is_not_the_same(make_rotated):
    s = score(make_rotated(["????", "BBBB", "AA?A"]))
    assert s.positions.same == wilson(1, 3)
    assert (s.n_unread, s.n_no_choice, s.n_unparsed, s.n_answers) == (5, 5, 0, 12)


def test_same_speaks_of_questions_with_all_rotations(make_rotated):
    s = score(make_rotated(["AA--", "BBBB"], n_choices=4))
    assert s.positions.same == wilson(1, 1)
    assert s.positions.by_position[0] == wilson(1, 2)
    assert s.positions.by_position[1] == wilson(0, 1)
    assert s.micro == wilson(1, 2)


def test_nothing_was_asked_there(make_rotated):
    p = score(make_rotated(["AA--"], n_choices=4)).positions
    assert [math.isnan(e.value) for e in (*p.by_position, p.same)] == [False, 1, 1, False, 1]


def test_a_run_without_rotations_has_no_positions(make_result):
    assert score(make_result({"law": "AAB"})).positions is None


def test_positions_are_weighted_as_micro_is(make_rotated):
    one = make_rotated(["AA", "BB"])
    two = make_rotated(["AB"], subject="physics")
    whole = {"law": 900, "physics": 100}
    run = replace(one.run, design=Design.STRATIFIED, population=whole)
    both = replace(
        one, run=run, questions=one.questions + two.questions, records=one.records + two.records
    )
    s = score(both)
    assert s.micro == stratified([1, 0.5], [2, 1], [0.9, 0.1])
    assert s.positions.by_position[0] == stratified([1, 1], [2, 1], [0.9, 0.1])
    assert s.positions.by_position[1] == stratified([1, 0], [2, 1], [0.9, 0.1])
    assert s.positions.same == stratified([2, 0], [2, 1], [0.9, 0.1])


def test_a_part_of_the_subjects_shares_the_weight(make_rotated):
    one = make_rotated(["AA"])
    two = make_rotated(["A-"], subject="physics", n_choices=2)
    run = replace(one.run, design=Design.STRATIFIED, population={"law": 9, "physics": 1})
    both = replace(
        one, run=run, questions=one.questions + two.questions, records=one.records + two.records
    )
    assert score(both).positions.by_position[1] == stratified([1], [1], [1.0])


def test_a_comparison(make_rotated):
    reference = make_rotated(["AAAA", "AABB", "BBBB"], label="Tiny F16")
    candidate = make_rotated(["AABB", "AAAB", "BBCC"], label="Tiny Q4_0")
    c = compare(reference, [candidate])
    d = c.candidates[0].difference
    assert (d.lost, d.won, d.changed) == (2, 1, 2)
    assert d.micro == mover([0.5], [0.25], [3], [1.0])
    assert d.macro == mover([0.5], [0.25], [3], [1.0])
    assert math.isnan(d.mcnemar_p)
    assert math.isnan(c.candidates[0].holm_p)
    assert not any("rotation" in alarm for alarm in c.alarms)


def test_a_group_of_questions_counts_each_once(make_rotated):
    run = make_rotated(["AAAA", "AABB"], subject="virology")
    (group,) = compare(run, [run], by="category").groups
    assert (group.n, group.accuracies[0].value) == (2, 0.75)
    assert not math.isnan(group.differences[0].value)


def test_chance_counts_every_question_once(make_rotated):
    run = make_rotated(["AA", "AAAA"])
    assert compare(run, []).chance == (1 / 2 + 1 / 4) / 2


def test_some_rotations_are_not_all(make_rotated):
    reference = make_rotated(["AAAA", "AABB"], n_choices=4)
    candidate = make_rotated(["AAAA", "AA--"], n_choices=4)
    c = compare(reference, [candidate])
    assert c.alarms[0] == (
        "1 of 2 questions are compared in some rotations of their choices only, so it still "
        "matters there where the right one stands."
    )


def test_a_published_figure(make_rotated):
    run = make_rotated(["AAAA", "AABB"])
    figure = PublishedScore("F16", "mmlu", "mmlu", 5, "micro", 0.75, 0.0, "me")
    found = agreement(run, figure)
    assert (found.n, found.measured.value) == (2, 0.75)


LETTERS = st.lists(st.text("ABC?", min_size=3, max_size=3), min_size=1, max_size=12)


@given(LETTERS)
def test_the_mean_of_the_positions_is_micro(make_rotated, answers):
    s = score(make_rotated(answers))
    values = [e.value for e in s.positions.by_position]
    assert sum(values) / 3 == pytest.approx(s.micro.value)
    assert 0 <= s.micro.low <= s.micro.value <= s.micro.high <= 1


@given(st.integers(2, 10), st.integers(1, 40))
def test_all_right_is_exactly_1(make_rotated, k, n):
    assert score(make_rotated(["A" * k] * n)).micro.value == 1


@given(LETTERS)
def test_equal_rotations_are_as_one(make_rotated, make_result, answers):
    """The interval of k copies of an answer is that of the answer: no precision out of nothing."""
    letters = "".join(a[0] for a in answers)
    copies = score(make_rotated([letter * 3 for letter in letters]))
    assert copies.micro == wilson(letters.count("A"), len(letters))
    assert copies.positions.same == wilson(len(letters) - letters.count("?"), len(letters))


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0])
def test_intervals_of_means_of_rotations_cover(noise):
    """Seeded; 1,500 trials of 200 questions in 4 rotations, 44% right and 2.4 points lost.

    `noise` is the share of the answers that the rotation decides: 0, all four are alike; 1, they
    are independent.
    """
    rng = np.random.default_rng(11)
    trials, n, k, p, p_lost, p_won = 1500, 200, 4, 0.44, 0.056, 0.032
    alike = rng.random((trials, n, 1)), rng.random((trials, n, 1))
    own = rng.random((trials, n, k)), rng.random((trials, n, k))
    free = rng.random((trials, n, k)) < noise
    right, flip = (np.where(free, o, a) for a, o in zip(alike, own, strict=True))
    means = (right < p).mean(2).sum(1)
    lost = (flip < p_lost).mean(2).sum(1)
    won = ((flip >= p_lost) & (flip < p_lost + p_won)).mean(2).sum(1)
    accuracy = sum(p in wilson(m, n) for m in means)
    delta = p_won - p_lost
    difference = sum(delta in mover([b], [c], [n], [1.0]) for b, c in zip(lost, won, strict=True))
    assert accuracy / trials >= 0.94
    assert difference / trials >= 0.94
