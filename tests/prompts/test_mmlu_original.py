"""The completion prompt of MMLU's authors, byte for byte."""

import pytest

from ggufeval.prompts import mmlu
from ggufeval.prompts.mmlu_original import STYLE
from ggufeval.types import Question, Span

ONE_SHOT = """\
The following are multiple choice questions (with answers) about  high school physics.

\tTwo?\x20
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


def test_nothing_is_stripped_and_two_spaces_stand_after_about(question, shots):
    prompt = STYLE.render(question, shots[1:], None)
    assert prompt.text == ONE_SHOT
    assert prompt.answers == (" A", " B", " C", " D")


def test_it_differs_from_mmlu_in_nothing_else():
    question = Question("q", "us_law", "Which?", ("a", "b"), 0)
    ours, theirs = (style.render(question, [question], None) for style in (mmlu.STYLE, STYLE))
    assert ours.text.replace("about us law", "about  us law") == theirs.text
    assert ours.answers == theirs.answers == (" A", " B")


@pytest.mark.parametrize("n", [2, 10])
def test_other_numbers_of_choices(with_choices, n):
    prompt = STYLE.render(with_choices(n), (), None)
    assert prompt.answers == tuple(f" {x}" for x in "ABCDEFGHIJ"[:n])
    assert prompt.text.endswith(f"\n{'ABCDEFGHIJ'[n - 1]}. c{n - 1}\nAnswer:")


@pytest.mark.parametrize("stem", ["<|eot_id|>", "{{ 7*7 }}"])
def test_all_of_it_is_text(stem):
    prompt = STYLE.render(Question("q", "law", stem, ("a", "b"), 0), (), None)
    assert prompt.spans == (Span(prompt.text, control=False),)
    assert f"\n\n{stem}\nA. a\n" in prompt.text
