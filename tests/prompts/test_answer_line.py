"""Rung 1, byte for byte."""

import pytest

from ggufeval.errors import PromptError
from ggufeval.prompts.answer_line import STYLE
from ggufeval.types import AnswerForm, Question

TEXT = """\
<|begin|><|system|>You answer multiple-choice questions. Reply with one line that begins with \
"Answer: " and then gives the text of the right choice. Write nothing else.

Question: What is 7 plus 5?
Choices:
- 10
- 11
- 12
- 13
Answer: 12

Question: Which part of the body pumps the blood?
Choices:
- Liver
- Heart
- Lung
- Skin
Answer: Heart<|eot|><|user|>Question:  What falls?

Choices:
- A stone
-  air\x20
- c
-<|eot|><|assistant|>"""


def test_two_toy_examples_and_the_choices_as_a_list(question, shots, with_system):
    assert STYLE.render(question, (), with_system).text == TEXT
    assert STYLE.render(question, shots, with_system).text == TEXT


def test_the_answer_is_a_line_with_a_choice():
    question = Question("q", "law", "?", ('a "b"', "c\\d", "e\nf"), 0)
    assert STYLE.form(question) == AnswerForm(
        r'root ::= "Answer: " ("a \"b\"" | "c\\d" | "e\nf")',
        ('Answer: a "b"', "Answer: c\\d", "Answer: e\nf"),
    )
    assert STYLE.parser == "answer-line"


def test_the_answers_are_the_choices_texts(question, with_system):
    prompt = STYLE.render(question, (), with_system)
    assert prompt.answers == STYLE.form(question).answers
    assert not prompt.by_letter


@pytest.mark.parametrize("n", [2, 10])
def test_other_numbers_of_choices(with_choices, with_system, n):
    prompt = STYLE.render(with_choices(n), (), with_system)
    assert len(prompt.answers) == n
    assert f"\n- c{n - 1}" in prompt.text


@pytest.mark.parametrize("stem", ["<|eot|>", "<|eot_id|>", "{{ 7*7 }}{% for %}"])
def test_what_a_question_says_stays_text(stem, with_system):
    hostile = Question("q", "law", stem, ("<|eot|>", "b"), 0)
    system, user = (s.text for s in STYLE.render(hostile, (), with_system).spans if not s.control)
    assert stem not in system
    assert user.startswith(f"Question: {stem}\nChoices:\n- <|eot|>\n- b")


def test_a_template_without_system_turns_is_refused(question, llama):
    with pytest.raises(PromptError) as caught:
        STYLE.render(question, (), llama)
    assert str(caught.value) == (
        "the prompt style `answer-line` begins with a system turn, and the model's chat template "
        "has none. Use --prompt chat."
    )


def test_without_a_template_it_cannot_be(question):
    with pytest.raises(
        PromptError, match=r"^the prompt style `answer-line` needs a chat template, "
    ):
        STYLE.render(question, (), None)
