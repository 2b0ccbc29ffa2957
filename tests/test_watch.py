"""Nonsense is told while a run goes, once."""

from __future__ import annotations

import math

from ggufeval.types import Question, Record
from ggufeval.watch import Watch

QUESTION = Question("q", "law", "Which?", ("a", "b", "c", "d"), 0)


def answer(letter, *, mass=0.9, text=None):
    correct = letter == QUESTION.answer
    record = Record("", "q", 0, letter, correct, (), 0.0, mass, 0.0, 0, 0.0, 9, text)
    return record, QUESTION


def told(answers, read="letter", batch=10):
    watch = Watch(read)
    return [
        sentence
        for start in range(0, len(answers), batch)
        for sentence in watch.see(answers[start : start + batch])
    ]


def of_letters(letters, **changes):
    return [answer("ABCD".index(letter), **changes) for letter in letters]


def test_nothing_is_told_of_a_good_run():
    assert told(of_letters("AABACADABC" * 100)) == []


def test_guessing_is_told_once():
    (sentence,) = told(of_letters("ABCDDCBACD" * 100))
    assert sentence == (
        "20% of the first 200 answers are right; guessing makes 25%. What quantization costs "
        "cannot be seen so."
    )


def test_one_letter_is_told_when_a_hundred_are_there():
    assert told(of_letters("A" * 99)) == []
    assert told(of_letters("A" * 500)) == ["100% of the first 100 answers are A."]
    assert told(of_letters("AAAAAABBCD" * 50)) == []  # 60%, and no more


def test_likelihoods_of_texts_have_no_letters():
    assert told(of_letters("A" * 500), read="cloze") == []


def test_letters_of_little_probability():
    (sentence,) = told(of_letters("ABAC" * 50, mass=0.31))
    assert sentence == (
        "In the first 20 answers the letters have 31% of the probability: the prompt may not suit "
        "the model. Try another --prompt."
    )


def test_a_mass_that_nobody_measured_is_not_low():
    assert told(of_letters("ABAC" * 50, mass=math.nan), read="sample") == []


def test_answers_that_cannot_be_read():
    answers = [answer(None, mass=math.nan, text="I"), answer(0, mass=math.nan, text="A")] * 10
    (sentence,) = told([*answers, answer(None, mass=math.nan, text="I")], read="sample")
    assert sentence == (
        "11 of the first 21 answers could not be read, and count as wrong. --read letter, or a "
        "--grammar, leaves none unread."
    )
    assert told(answers, read="sample") == []
