"""Logits to letters."""

import math

import pytest

from ggufeval.answers import letter_form, read_cloze, read_letter, read_text
from ggufeval.types import (
    AnswerForm,
    ClozeScores,
    Generation,
    LetterScores,
    Question,
    Reading,
    Record,
    Stop,
)

QUESTION = Question("q/1", "law", "?", ("a", "b", "c", "d"), 2)


def read(logits, *, answer=2, partial_logit=-math.inf):
    scores = LetterScores("q/1", tuple(logits), 0.75, 5.0, 7, 4.5, partial_logit)
    question = Question("q/1", "law", "?", tuple("abcdefghij"[: len(logits)]), answer)
    return read_letter(scores, question, n_tokens=90)


def test_everything_is_recorded():
    scores = LetterScores("q/1", (1.5, -0.25, 3.0, -math.inf), 0.75, 5.0, 7, 4.5)
    assert read_letter(scores, QUESTION, n_tokens=90) == Record(
        run_id="",
        question_id="q/1",
        rotation=0,
        letter=2,
        correct=True,
        letter_logits=(1.5, -0.25, 3.0, -math.inf),
        logsumexp=5.0,
        letter_mass=0.75,
        margin=1.5,
        top_token=7,
        top_logit=4.5,
        n_tokens=90,
        text=None,
        parse_error=None,
        partial=False,
    )


@pytest.mark.parametrize(
    ("logits", "letter"),
    [
        ((1.0, 0.0, 0.0, 0.0), 0),
        ((0.0, 0.0, 0.0, 1.0), 3),
        ((-3.0, -1.0, -2.0, -4.0), 1),
        ((-1.0, 0.5), 1),
        ((0.0,) * 9 + (0.1,), 9),
    ],
)
def test_the_greatest_logit_answers(logits, letter):
    assert read(logits, answer=0).letter == letter


@pytest.mark.parametrize(
    ("logits", "letter"),
    [((2.0, 2.0, 2.0, 2.0), 0), ((1.0, 2.0, 0.0, 2.0), 1), ((0.0, 1.0, 2.0, 2.0), 2)],
)
def test_equal_logits_go_to_the_earlier_letter(logits, letter):
    record = read(logits)
    assert record.letter == letter
    assert record.margin == 0.0


def test_the_margin_is_over_the_second():
    assert read((0.5, 4.0, -9.0, 1.0)).margin == 3.0


@pytest.mark.parametrize(("answer", "correct"), [(0, False), (1, True), (2, False), (3, False)])
def test_only_the_gold_letter_is_correct(answer, correct):
    assert read((0.0, 1.0, 0.0, 0.0), answer=answer).correct is correct


@pytest.mark.parametrize(
    ("partial_logit", "partial"), [(-math.inf, False), (2.9, False), (3.0, False), (3.1, True)]
)
def test_it_is_partial_where_a_part_of_an_answer_beats_the_best_letter(partial_logit, partial):
    record = read((0.0, 3.0, 1.0, 2.0), partial_logit=partial_logit)
    assert record.partial is partial
    assert record.letter == 1


@pytest.mark.parametrize(
    ("n", "grammar"),
    [
        (2, 'root ::= " " [A-B]'),
        (3, 'root ::= " " [A-C]'),
        (4, 'root ::= " " [A-D]'),
        (5, 'root ::= " " [A-E]'),
        (6, 'root ::= " " [A-F]'),
        (7, 'root ::= " " [A-G]'),
        (8, 'root ::= " " [A-H]'),
        (9, 'root ::= " " [A-I]'),
        (10, 'root ::= " " [A-J]'),
    ],
)
def test_a_letter_after_a_space(n, grammar):
    assert letter_form(" ", n) == AnswerForm(
        grammar, (" A", " B", " C", " D", " E", " F", " G", " H", " I", " J")[:n]
    )


@pytest.mark.parametrize(
    ("n", "grammar"),
    [
        (2, "root ::= [A-B]"),
        (3, "root ::= [A-C]"),
        (4, "root ::= [A-D]"),
        (5, "root ::= [A-E]"),
        (6, "root ::= [A-F]"),
        (7, "root ::= [A-G]"),
        (8, "root ::= [A-H]"),
        (9, "root ::= [A-I]"),
        (10, "root ::= [A-J]"),
    ],
)
def test_a_bare_letter(n, grammar):
    letters = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J")
    assert letter_form("", n) == AnswerForm(grammar, letters[:n])


# --- texts ---


def test_the_likeliest_text_per_byte_answers():
    question = Question("q", "law", "?", ("no", "certainly", "é"), 1)
    record = read_cloze(ClozeScores("q", (-3.0, -9.0, -2.5)), question, n_tokens=7)
    assert record.letter == 1  # -1 a byte, against -1.5 and, in two bytes, -1.25
    assert record.correct
    assert record.margin == pytest.approx(0.25)
    assert record.letter_logits == (-3.0, -9.0, -2.5)
    assert record.letter_logprobs == (-3.0, -9.0, -2.5)
    assert math.isnan(record.letter_mass)
    assert record.n_tokens == 7


def test_equal_likelihoods_go_to_the_earlier_text():
    question = Question("q", "law", "?", ("ab", "cd"), 1)
    assert read_cloze(ClozeScores("q", (-1.0, -1.0)), question, n_tokens=7).letter == 0


def test_a_text_is_kept_with_its_reading():
    text = Generation("q/1", "Answer: c", 4, Stop.EOG)
    record = read_text(text, Reading(2), QUESTION, n_tokens=90)
    assert (record.letter, record.correct, record.text) == (2, True, "Answer: c")
    assert record.parse_error is None
    assert record.letter_logits == ()
    assert record.n_tokens == 90
    assert not read_text(text, Reading(1), QUESTION, n_tokens=90).correct


@pytest.mark.parametrize(
    ("stop", "error"),
    [(Stop.EOG, "unparsed: x"), (Stop.LENGTH, "unparsed: x; it was cut at 4 tokens")],
)
def test_a_text_that_cannot_be_read_is_wrong_and_says_why(stop, error):
    text = Generation("q/1", "I think", 4, stop)
    record = read_text(text, Reading(None, "unparsed: x"), QUESTION, n_tokens=90)
    assert (record.letter, record.correct, record.parse_error) == (None, False, error)
