"""Questions in every rotation of their choices."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ggufeval.answers import read_letter
from ggufeval.permute import restored, rotated, rotations
from ggufeval.types import LetterScores, Question, Record


@st.composite
def questions(draw):
    choices = tuple(draw(st.lists(st.text(), min_size=2, max_size=10)))
    answer = draw(st.integers(0, len(choices) - 1))
    return Question("test/law/0", "law", "?", choices, answer)


def test_a_worked_example():
    question = Question("q", "law", "?", ("a", "b", "c", "d"), 1)
    turned = rotated(question, 1)
    assert turned == Question("q", "law", "?", ("b", "c", "d", "a"), 0)
    scores = LetterScores("q", (3.0, 1.0, 0.0, 2.0), 0.9, 4.0, 7, 3.0)
    record = restored(read_letter(scores, turned, n_tokens=9), question, 1)
    assert (record.rotation, record.letter, record.correct) == (1, 1, True)
    assert record.letter_logits == (2.0, 3.0, 1.0, 0.0)


@given(questions())
def test_rotation_0_is_the_question_itself(question):
    assert rotated(question, 0) == question


@given(questions())
def test_every_choice_stands_at_every_letter_once(question):
    shown = [rotated(question, r) for r in rotations(question)]
    assert len(shown) == len(question.choices)
    for r, turned in enumerate(shown):
        assert turned.choices[turned.answer] == question.choices[question.answer]
        for c, choice in enumerate(question.choices):
            assert turned.choices[(c - r) % len(shown)] == choice
    for position in range(len(shown)):
        assert sorted(q.choices[position] for q in shown) == sorted(question.choices)
    assert {q.answer for q in shown} == set(rotations(question))


@given(questions(), st.integers(0, 9), st.data())
def test_a_restored_record_speaks_of_the_choices_as_they_were(question, r, data):
    r %= len(question.choices)
    turned = rotated(question, r)
    n = len(question.choices)
    numbers = st.floats(-30, 30, width=32)
    logits = tuple(data.draw(st.lists(numbers, min_size=n, max_size=n)))
    scores = LetterScores(question.id, logits, 0.9, 31.0, 7, 30.0)
    shown = read_letter(scores, turned, n_tokens=9)
    record = restored(shown, question, r)
    assert record.rotation == r
    assert record.correct is shown.correct is (record.letter == question.answer)
    assert question.choices[record.letter] == turned.choices[shown.letter]
    assert (record.letter - r) % n == shown.letter
    assert all(record.letter_logits[c] == logits[(c - r) % n] for c in range(n))
    assert record.margin == shown.margin


@given(questions())
def test_a_text_that_could_not_be_read(question):
    nan = math.nan
    unread = Record("r", question.id, 0, None, False, (), nan, nan, nan, -1, nan, 9, "x", "no")
    record = restored(unread, question, 1)
    assert (record.letter, record.letter_logits, record.rotation) == (None, (), 1)
    assert (record.text, record.parse_error, record.correct) == ("x", "no", False)
