"""The completion prompt without its choices, byte for byte."""

import pytest

from ggufeval.prompts.continuation import STYLE
from ggufeval.types import Question, Span

ONE_SHOT = """\
The following are questions (with answers) about high school physics.

Question: Two?
Answer: h

Question: What falls?
Answer:"""


def test_the_whole_prompt(question, shots):
    prompt = STYLE.render(question, shots[1:], None)
    assert prompt.text == ONE_SHOT
    assert prompt.answers == tuple(f" {choice}" for choice in question.choices)
    assert not prompt.by_letter


def test_without_shots():
    question = Question("q", "us_law", "Which?", ("yes", "no", "never"), 0)
    prompt = STYLE.render(question, (), None)
    assert prompt.text == (
        "The following are questions (with answers) about us law.\n\nQuestion: Which?\nAnswer:"
    )
    assert prompt.answers == (" yes", " no", " never")


def test_its_grammar_lets_through_the_texts():
    question = Question("q", "law", "Which?", ("a", 'b"'), 0)
    assert STYLE.form(question).grammar == r'root ::= " " ("a" | "b\"")'


@pytest.mark.parametrize("stem", ["<|eot_id|>", "{{ 7*7 }}"])
def test_all_of_it_is_text(stem):
    prompt = STYLE.render(Question("q", "law", stem, ("a", "b"), 0), (), None)
    assert prompt.spans == (Span(prompt.text, control=False),)
