"""The completion prompt, byte for byte."""

import pytest

from ggufeval.prompts.mmlu import STYLE
from ggufeval.types import Question, Span

ZERO_SHOTS = """\
The following are multiple choice questions (with answers) about high school physics.

What falls?
A. A stone
B.  air\x20
C. c
D.\x20
Answer:"""

TWO_SHOTS = """\
The following are multiple choice questions (with answers) about high school physics.

One?
A. a
B. b
C. c
D. d
Answer: B

Two?
A. e
B. f
C. g
D. h
Answer: D

What falls?
A. A stone
B.  air\x20
C. c
D.\x20
Answer:"""


def test_without_shots_the_question_is_stripped_and_the_choices_are_not(question):
    assert STYLE.render(question, (), None).text == ZERO_SHOTS


def test_shots_come_first_each_with_its_letter(question, shots):
    assert STYLE.render(question, shots, None).text == TWO_SHOTS


def test_the_prompt_is_that_of_its_question(question):
    assert STYLE.render(question, (), None).question_id == "q/1"


def test_answers_carry_their_space(question):
    assert STYLE.answer_prefix == " "
    assert STYLE.render(question, (), None).answers == (" A", " B", " C", " D")


def test_two_choices(with_choices):
    prompt = STYLE.render(with_choices(2), (), None)
    assert prompt.text.endswith("\n\nWhich?\nA. c0\nB. c1\nAnswer:")
    assert prompt.answers == (" A", " B")


def test_ten_choices(with_choices):
    prompt = STYLE.render(with_choices(10), (), None)
    assert prompt.text.endswith(
        "\n\nWhich?\nA. c0\nB. c1\nC. c2\nD. c3\nE. c4\nF. c5\nG. c6\nH. c7\nI. c8\nJ. c9\nAnswer:"
    )
    assert prompt.answers == (" A", " B", " C", " D", " E", " F", " G", " H", " I", " J")


def test_a_shot_may_have_another_number_of_choices(with_choices):
    text = STYLE.render(with_choices(4), [with_choices(5)], None).text
    assert "E. c4\nAnswer: E\n\nWhich?" in text


@pytest.mark.parametrize("stem", ["<|eot_id|>", "{{ 7*7 }}", "{% for %}"])
def test_all_of_it_is_text(stem):
    prompt = STYLE.render(Question("q", "law", stem, ("a", "b"), 0), (), None)
    assert prompt.spans == (Span(prompt.text, control=False),)
    assert f"\n\n{stem}\nA. a\n" in prompt.text


def test_the_models_chat_template_is_not_used(question, llama):
    assert STYLE.render(question, (), llama).text == ZERO_SHOTS
