"""Questions sorted into subjects, records into arrays."""

from dataclasses import replace

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
