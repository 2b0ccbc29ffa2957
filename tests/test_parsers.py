"""Texts that models write, each read by every parser that might meet it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggufeval import parsers, prompts
from ggufeval.types import Question, Reading

QUESTION = Question("q", "law", "Which?", ("Mars", "Jupiter", 'A "big" \\ one', "Earth"), 1)


def read(parser, text, question=QUESTION):
    return parsers.read(parser, text, question)


def choices(*texts, answer):
    return Question("q", "law", "Which?", texts, answer)


# --- letter ---


@pytest.mark.parametrize("text", ["B", " B", "B\n", "\n\n B \nQuestion: more", " B\n\nWhich of"])
def test_a_line_that_is_the_letter_is_read(text):
    assert read("letter", text) == Reading(1)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("b", "'b'"),
        ("B.", "'B.'"),
        ("(B)", "'(B)'"),
        ("The answer is B", "'The answer is B'"),
        ("", "''"),
        ("AB", "'AB'"),
    ],
)
def test_another_line_is_no_letter(text, found):
    expected = Reading(None, f"unparsed: a letter was expected, found {found}")
    assert read("letter", text) == expected


def test_a_letter_that_the_question_lacks_is_no_choice():
    assert read("letter", "E") == Reading(None, "no choice: none is 'E'")
    assert read("letter", "J", choices(*"abcdefghij", answer=0)) == Reading(9)


# --- best-answer ---


@pytest.mark.parametrize(
    "text",
    [
        "The best answer is B.",
        "The best answer is B",
        "\nThe best answer is B\nbecause",
        "The best answer is Bone",
    ],
)
def test_the_character_after_the_words_is_read(text):
    assert read("best-answer", text) == Reading(1)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("B", "unparsed: `The best answer is` was expected, found 'B'"),
        ("the best answer is B", "unparsed: `The best answer is` was expected, found 'the best an"),
        ("So: The best answer is B", "unparsed: `The best answer is` was expected, found 'So: The"),
        ("The best answer is", "unparsed: nothing follows `The best answer is`"),
        ("The best answer is [B]", "no choice: none is '[B]'"),
        ("The best answer is b.", "no choice: none is 'b.'"),
        ("The best answer is E.", "no choice: none is 'E.'"),
        ("The best answer is: B", "no choice: none is ': B'"),
    ],
)
def test_anything_else_is_not(text, error):
    found = read("best-answer", text)
    assert found.letter is None
    assert found.error.startswith(error)


# --- json ---


@pytest.mark.parametrize(
    "text",
    [
        '{"Answer": "Jupiter"}',
        ' {"answer":"JUPITER"}\n',
        '{"ANSWER": "jupiter", "why": "large"}',
        '{"Answer": "\\u004aupiter"}',
    ],
)
def test_json_with_the_gold_text_is_right(text):
    assert read("json", text) == Reading(1)


def test_json_with_another_choice_answers_that():
    assert read("json", '{"Answer": "mars"}') == Reading(0)
    assert read("json", json.dumps({"Answer": QUESTION.choices[2]})) == Reading(2)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "unparsed: JSON was expected, found ''"),
        ('{"Answer": "Jupiter"', 'unparsed: JSON was expected, found \'{"Answer": "Jupiter"\''),
        ('```json\n{"Answer": "Jupiter"}\n```', "unparsed: JSON was expected, found '```json"),
        ('{"Answer": "Jupiter"} Done.', "unparsed: JSON was expected"),
        ("{'Answer': 'Jupiter'}", "unparsed: JSON was expected"),
        ("[" * 100_000, "unparsed: JSON was expected"),
        ('"Jupiter"', "unparsed: a JSON object was expected, found '\"Jupiter\"'"),
        ("{}", 'unparsed: one key "answer" was expected, found 0'),
        (
            '{"Answer": "Mars", "answer": "Jupiter"}',
            'unparsed: one key "answer" was expected, found 2',
        ),
        ('{"Answer": 4}', "unparsed: \"answer\" was expected to be text, found '4'"),
        ('{"Answer": ["Jupiter"]}', 'unparsed: "answer" was expected to be text'),
        ('{"Answer": "B. Jupiter"}', "no choice: none is 'B. Jupiter'"),
        ('{"Answer": "Jupiter "}', "no choice: none is 'Jupiter'"),
        ('{"Answer": ""}', "no choice: none is ''"),
    ],
)
def test_json_that_is_none_or_names_no_choice(text, error):
    found = read("json", text)
    assert found.letter is None
    assert found.error.startswith(error)


def test_choices_that_are_equal_in_lower_case_count_for_the_gold_one():
    question = choices("aa", "AA", "Aa", answer=2)
    assert read("json", '{"Answer": "AA"}', question) == Reading(2)


# --- answer-line ---


@pytest.mark.parametrize(
    "text",
    ["Answer: Jupiter", "answer: jupiter", "I think it is JUPITER.", "Mars, Jupiter or Earth"],
)
def test_the_gold_text_anywhere_is_right_even_among_others(text):
    assert read("answer-line", text) == Reading(1)


def test_the_only_other_choice_that_is_named_was_answered():
    assert read("answer-line", "Answer: Mars") == Reading(0)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "Answer: Mars or Earth",
            "no choice: several choices are named in 'Answer: Mars or Earth'",
        ),
        ("Answer: B", "no choice: none is named in 'Answer: B'"),
        ("", "no choice: none is named in ''"),
    ],
)
def test_several_others_or_none_answer_nothing(text, error):
    assert read("answer-line", text) == Reading(None, error)


def test_a_choice_without_text_is_named_nowhere():
    assert read("answer-line", "Answer: x", choices("", "x", answer=0)) == Reading(1)


def test_long_texts_are_cut_in_errors():
    assert read("answer-line", "y" * 99).error == f"no choice: none is named in '{'y' * 40}...'"


# --- json-or-substring ---


def test_json_comes_first_and_is_not_searched():
    assert read("json-or-substring", '{"Answer": "Jupiter"}') == Reading(1)
    named = '{"Answer": "Not Jupiter"}'
    assert read("json-or-substring", named) == Reading(None, "no choice: none is 'Not Jupiter'")


@pytest.mark.parametrize("text", ["It is Jupiter", '{"Answer": "Jupiter"', '{"a": "Jupiter"}'])
def test_what_is_no_such_json_is_searched(text):
    assert read("json-or-substring", text) == Reading(1)


# --- under a grammar ---


def test_an_exact_answer_is_not_taken_for_one_inside_it():
    question = choices("a cell", "a cell wall", answer=0)
    answers = ("Answer: a cell", "Answer: a cell wall")
    assert parsers.exact("Answer: a cell wall", answers, question) == Reading(1)
    assert parsers.exact("Answer: a cell", answers, question) == Reading(0)
    assert parsers.exact("Answer: a c", answers, question) == Reading(
        None, "unparsed: not one of the answers: 'Answer: a c'"
    )


def test_of_equal_answers_the_gold_one_counts():
    assert parsers.exact("x", ("x", "y", "x"), choices("x", "y", "x", answer=2)) == Reading(2)
    assert parsers.exact("x", ("x", "y", "x"), choices("x", "y", "x", answer=1)) == Reading(0)


# --- all of them ---


def test_every_style_has_a_parser():
    assert {style.parser for style in prompts.styles().values()} <= set(parsers.names())


@pytest.mark.parametrize("parser", parsers.names())
@given(text=st.text(max_size=60), answer=st.integers(0, 3))
def test_any_text_is_read_or_says_why_not(parser, text, answer):
    found = read(parser, text, choices("a", "b", "c", "d", answer=answer))
    kinds = (parsers.UNPARSED, parsers.NO_CHOICE)
    assert (found.letter is None) == found.error.startswith(kinds)


@given(st.lists(st.text(min_size=1), min_size=2, max_size=10, unique_by=str.lower))
def test_the_styles_own_json_is_read_as_the_choice_that_it_holds(texts):
    question = choices(*texts, answer=0)
    form = prompts.style("json").form
    for i, answer in enumerate(form(question).answers):
        assert read("json", answer, question) == Reading(i)
