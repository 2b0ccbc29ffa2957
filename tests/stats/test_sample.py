"""Questions sorted into subjects, records into arrays."""

from dataclasses import replace

import numpy as np
import pytest

from ggufeval.stats.sample import UNREAD, Answers, Sample, is_unread
from ggufeval.types import Design


def test_sample_counts_by_subject(make_question):
    questions = [make_question(i, s) for i, s in enumerate(["physics", "law", "physics"])]
    sample = Sample.of(questions, Design.STRATIFIED, {"law": 30, "physics": 10, "virology": 99})
    assert sample.subjects == ("law", "physics")
    assert sample.n == 3
    assert sample.sizes.tolist() == [1, 2]
    assert sample.shares.tolist() == [0.75, 0.25]
    assert sample.macro_weights.tolist() == [0.5, 0.5]
    assert sample.is_stratified
    right = Answers.of([]).correct
    assert right.dtype == bool
    hits = sample.stratum == 1
    assert sample.count(hits).tolist() == [0, 2]
    assert sample.count(~hits).tolist() == [1, 0]


def test_rotations_of_a_question_count_as_their_mean(make_question):
    one, two = make_question(0, "law", n_choices=2), make_question(0, "physics", n_choices=3)
    questions = [two, one, two, one, two]
    whole = {"law": 30, "physics": 10}
    sample = Sample.of(questions, Design.FULL, whole, [0, 0, 1, 1, 2])
    assert (sample.n, sample.sizes.tolist(), sample.has_rotations) == (2, [1, 1], True)
    assert sample.n_asked.tolist() == [3, 2]
    hits = np.array([True, True, True, False, True])
    assert sample.count(hits).tolist() == [0.5, 1]
    last = sample.part(sample.rotations == 2)
    assert (last.subjects, last.n, last.shares.tolist()) == (("physics",), 1, [1])
    assert (last.n_choices.tolist(), last.has_rotations) == ([3], False)


def test_unread_answers_are_wrong(make_question, make_record):
    q = make_question(0)
    read = make_record(q, 0)
    silent = make_record(q, None)
    doubtful = replace(read, parse_error="two letters")
    assert [is_unread(r) for r in (read, silent, doubtful)] == [False, True, True]
    answers = Answers.of([read, silent, doubtful])
    assert answers.letters.tolist() == [0, UNREAD, UNREAD]
    assert answers.correct.tolist() == [True, False, False]
    assert answers.masses.tolist() == pytest.approx([0.9] * 3)
