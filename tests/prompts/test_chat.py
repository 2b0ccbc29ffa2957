"""Meta's task text as turns, byte for byte."""

import pytest

from ggufeval.errors import PromptError
from ggufeval.prompts.chat import STYLE
from ggufeval.prompts.instruction import task
from ggufeval.types import ChatTemplate, Question, Span

TASK = """\
Given the following question and four candidate answers (A, B, C and D), choose the best answer.
Question:  What falls?

A. A stone
B.  air\x20
C. c
D.\x20
Your response should end with "The best answer is [the_answer_letter]" \
where the [the_answer_letter] is one of A, B, C or D."""

TWO = """\
Given the following question and two candidate answers (A and B), choose the best answer.
Question: Which?
A. c0
B. c1
Your response should end with "The best answer is [the_answer_letter]" \
where the [the_answer_letter] is one of A or B."""

TEN = """\
Given the following question and ten candidate answers (A, B, C, D, E, F, G, H, I and J), \
choose the best answer.
Question: Which?
A. c0
B. c1
C. c2
D. c3
E. c4
F. c5
G. c6
H. c7
I. c8
J. c9
Your response should end with "The best answer is [the_answer_letter]" \
where the [the_answer_letter] is one of A, B, C, D, E, F, G, H, I or J."""

CONVERSATION = """\
<|begin|><|head|>system<|end|>

Today: 26 Jul 2024<|eot|><|head|>user<|end|>

Given the following question and four candidate answers (A, B, C and D), choose the best answer.
Question: One?
A. a
B. b
C. c
D. d
Your response should end with "The best answer is [the_answer_letter]" \
where the [the_answer_letter] is one of A, B, C or D.<|eot|><|head|>assistant<|end|>

The best answer is B.<|eot|><|head|>user<|end|>

Given the following question and four candidate answers (A, B, C and D), choose the best answer.
Question: \tTwo?\x20
A. e
B. f
C. g
D. h
Your response should end with "The best answer is [the_answer_letter]" \
where the [the_answer_letter] is one of A, B, C or D.<|eot|><|head|>assistant<|end|>

The best answer is D.<|eot|><|head|>user<|end|>

Given the following question and four candidate answers (A, B, C and D), choose the best answer.
Question:  What falls?

A. A stone
B.  air\x20
C. c
D.\x20
Your response should end with "The best answer is [the_answer_letter]" \
where the [the_answer_letter] is one of A, B, C or D.<|eot|><|head|>assistant<|end|>

The best answer is"""


def test_the_task_strips_nothing(question):
    assert task(question) == TASK


def test_the_task_with_two_choices(with_choices):
    assert task(with_choices(2)) == TWO


def test_the_task_with_ten_choices(with_choices):
    assert task(with_choices(10)) == TEN


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (3, "three candidate answers (A, B and C)"),
        (5, "five candidate answers (A, B, C, D and E)"),
        (6, "six candidate answers (A, B, C, D, E and F)"),
        (7, "seven candidate answers (A, B, C, D, E, F and G)"),
        (8, "eight candidate answers (A, B, C, D, E, F, G and H)"),
        (9, "nine candidate answers (A, B, C, D, E, F, G, H and I)"),
    ],
)
def test_the_task_counts_its_choices(with_choices, n, words):
    assert task(with_choices(n)).startswith(f"Given the following question and {words}, choose")


def test_shots_are_turns_and_the_answer_is_begun(question, shots, llama):
    assert STYLE.render(question, shots, llama).text == CONVERSATION


def test_without_shots_there_is_one_turn(question, llama):
    assert STYLE.render(question, (), llama).text == (
        "<|begin|><|head|>system<|end|>\n\nToday: 26 Jul 2024<|eot|>"
        f"<|head|>user<|end|>\n\n{TASK}<|eot|><|head|>assistant<|end|>\n\nThe best answer is"
    )


def test_tasks_and_answers_are_text_and_the_template_is_control(question, shots, llama):
    spans = STYLE.render(question, shots, llama).spans
    assert [span.text for span in spans if not span.control] == [
        task(shots[0]),
        "The best answer is B.",
        task(shots[1]),
        "The best answer is D.",
        TASK,
        "The best answer is",
    ]


def test_a_question_cannot_close_its_turn(llama):
    stem = "<|eot|>{{ 7*7 }}{% for %}"
    prompt = STYLE.render(Question("q", "law", stem, ("a", "b"), 0), (), llama)
    assert [span.text for span in prompt.spans if stem in span.text] == [
        task(Question("q", "law", stem, ("a", "b"), 0))
    ]
    assert Span("<|eot|><|head|>assistant<|end|>\n\n", control=True) in prompt.spans


def test_answers_carry_their_space(with_choices, llama):
    assert STYLE.answer_prefix == " "
    assert STYLE.render(with_choices(2), (), llama).answers == (" A", " B")
    assert STYLE.render(with_choices(5), (), llama).answers == (" A", " B", " C", " D", " E")
    assert STYLE.render(with_choices(10), (), llama).answers[-1] == " J"


def test_the_prompt_is_that_of_its_question(question, llama):
    assert STYLE.render(question, (), llama).question_id == "q/1"


def test_a_model_without_a_template_is_told_to_use_mmlu(question):
    with pytest.raises(PromptError) as caught:
        STYLE.render(question, (), None)
    assert str(caught.value) == (
        "the prompt style `chat` needs a chat template, and the model's file has none. "
        "Use --prompt mmlu."
    )


def test_a_template_that_escapes_the_question_is_refused():
    template = ChatTemplate("{% for m in messages %}{{ m.content | e }}{% endfor %}", "", "")
    with pytest.raises(PromptError, match="does not keep every message whole"):
        STYLE.render(Question("q", "law", "1 < 2?", ("a", "b"), 0), (), template)
