"""Rungs 2 to 4, byte for byte."""

import pytest

from ggufeval.errors import PromptError
from ggufeval.prompts.json_ import STYLE
from ggufeval.types import AnswerForm, Question

TEXT = """\
<|begin|><|system|>You answer multiple-choice questions. Reply with a JSON object of this form:
{"Answer": "the text of the right choice"}
--------------------
Question: How many strings does a violin have?
Choices:
- Three
- Four
- Six
- Eight
{"Answer": "Four"}
--------------------
Question: What makes bread dough rise?
Choices:
- Salt
- Oil
- Yeast
- Flour
{"Answer": "Yeast"}
--------------------
Question: Which piece may jump over others?
Choices:
- The knight
- The rook
- The bishop
- The queen
{"Answer": "The knight"}
--------------------
Question: What is the left side of a ship called, looking forward?
Choices:
- Starboard
- Stern
- Bow
- Port
{"Answer": "Port"}
--------------------
Question: Which of these plants grows from a bulb?
Choices:
- The bean
- The tulip
- The carrot
- The sunflower
{"Answer": "The tulip"}
--------------------<|eot|><|user|>Question:  What falls?

Choices:
- A stone
-  air\x20
- c
-<|eot|><|assistant|>"""


def test_five_fixed_examples_between_lines_of_hyphens(question, shots, with_system):
    assert STYLE.render(question, (), with_system).text == TEXT
    assert STYLE.render(question, shots, with_system).text == TEXT


def test_the_answer_is_an_object_with_a_choice_escaped_twice():
    question = Question("q", "law", "?", ('a "b"', "c\\d", "e\nf", "\u00e9"), 0)
    assert STYLE.form(question) == AnswerForm(
        r'root ::= "{\"Answer\": \"" '
        r'("a \\\"b\\\"" | "c\\\\d" | "e\\nf" | "' + "\u00e9" + r'") "\"}"',
        (
            r'{"Answer": "a \"b\""}',
            r'{"Answer": "c\\d"}',
            r'{"Answer": "e\nf"}',
            '{"Answer": "\u00e9"}',
        ),
    )
    assert STYLE.parser == "json"


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
        "the prompt style `json` begins with a system turn, and the model's chat template "
        "has none. Use --prompt chat."
    )


def test_without_a_template_it_cannot_be(question):
    with pytest.raises(PromptError, match=r"^the prompt style `json` needs a chat template, "):
        STYLE.render(question, (), None)
