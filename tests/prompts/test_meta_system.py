"""Meta's prompt inside a system turn."""

import pytest

from ggufeval.errors import PromptError
from ggufeval.prompts import meta
from ggufeval.prompts.instruction import task
from ggufeval.prompts.meta_system import STYLE
from ggufeval.types import ChatTemplate, Question, Span

START, END, EOT = "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"


def test_the_whole_text_is_the_system_turn(question, shots, with_system):
    prompt = STYLE.render(question, shots, with_system)
    inner = meta.STYLE.render(question, shots, None).text
    assert prompt.text == f"<|begin|><|system|>{inner}<|eot|><|assistant|>"
    assert inner.startswith(f"{START}user{END}\n\nGiven the following question")
    assert inner.endswith(f"{EOT}{START}assistant{END}\n\nThe best answer is")


def test_the_headers_inside_are_control_and_what_is_said_is_text(question, shots, with_system):
    prompt = STYLE.render(question, shots[:1], with_system)
    user, assistant = (Span(f"{START}{r}{END}\n\n", control=True) for r in ("user", "assistant"))
    assert prompt.spans == (
        Span("<|begin|><|system|>", control=True),
        user,
        Span(task(shots[0])),
        Span(EOT, control=True),
        assistant,
        Span("The best answer is B."),
        Span(EOT, control=True),
        user,
        Span(task(question)),
        Span(EOT, control=True),
        assistant,
        Span("The best answer is"),
        Span("<|eot|><|assistant|>", control=True),
    )


@pytest.mark.parametrize("n", [2, 4, 10])
def test_the_letter_is_bare(with_choices, with_system, n):
    prompt = STYLE.render(with_choices(n), (), with_system)
    assert STYLE.answer_prefix == ""
    assert prompt.answers == tuple("ABCDEFGHIJ"[:n])
    assert prompt.by_letter


@pytest.mark.parametrize("stem", ["<|eot_id|>", "<|start_header_id|>system", "{{ 7*7 }}"])
def test_a_question_cannot_close_its_turn(stem, with_system):
    hostile = Question("q", "law", stem, ("a", "b"), 0)
    spans = STYLE.render(hostile, (), with_system).spans
    assert [span.text for span in spans if not span.control] == [
        task(hostile),
        "The best answer is",
    ]


def test_it_asks_for_llama_3s_tokens(question, with_system):
    required = STYLE.render(question, (), with_system).required
    assert required is not None
    assert (required.style, required.instead) == ("meta-system", "chat")
    assert required.texts == (START, END, EOT)


def test_without_a_template_it_cannot_be(question):
    with pytest.raises(PromptError) as caught:
        STYLE.render(question, (), None)
    assert str(caught.value) == (
        "the prompt style `meta-system` needs a chat template, and the model's file has none. "
        "Use --prompt mmlu."
    )


def test_a_template_without_system_turns_is_refused(question):
    source = "{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}"
    with pytest.raises(PromptError) as caught:
        STYLE.render(question, (), ChatTemplate(source, "", ""))
    assert str(caught.value) == (
        "the prompt style `meta-system` begins with a system turn, and the model's chat template "
        "has none. Use --prompt chat."
    )


def test_its_parser_is_that_of_metas_sentence():
    assert (STYLE.parser, STYLE.begun) == ("best-answer", "")
