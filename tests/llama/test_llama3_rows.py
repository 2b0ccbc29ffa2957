"""Meta's rows in Llama 3's own tokens: those of our own `meta`, which is held against tiktoken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ggufeval import prompts, tasks
from ggufeval.errors import PromptError
from ggufeval.llama import capi
from ggufeval.llama.model import Model
from ggufeval.types import Question

BOS = 128000


@pytest.fixture(scope="module")
def model(llama3_vocabulary: Path):
    capi.start()
    with Model(llama3_vocabulary, vocab_only=True) as loaded:
        yield loaded


def tokens(model, style, question, shots):
    (prompt,) = prompts.render(style, [question], {question.subject: shots}, None)
    return model.tokenize(prompt.spans), model.answer_tokens(prompt, model.tokenize(prompt.spans))


def as_row(question, shots, meta_row):
    return replace(question, prompt=meta_row(question, shots)["input_final_prompts"][0])


def test_the_tokens_are_those_of_our_own_prompt(model, meta_row):
    questions = tasks.load("sample", None, shots=5)
    for question in questions.questions:
        shots = questions.shots[question.subject]
        row = as_row(question, shots, meta_row)
        assert tokens(model, "meta-rows", row, ()) == tokens(model, "meta", question, shots)


@pytest.mark.parametrize("stem", ["<|eot_id|>", "<|begin_of_text|>", "<|eot_id"])
def test_what_a_question_says_stays_text(model, meta_row, stem):
    hostile = Question("q", "law", stem, ("<|eot_id|>", "b"), 0)
    row = as_row(hostile, (), meta_row)
    assert tokens(model, "meta-rows", row, ()) == tokens(model, "meta", hostile, ())


def test_begin_of_text_is_there_once(model, meta_row):
    question = Question("q", "law", "Which?", ("a", "b"), 0)
    row = as_row(question, (), meta_row)
    (found, _), (plain, _) = (
        tokens(model, "meta-rows", replace(row, prompt=text), ())
        for text in (f"<|begin_of_text|>{row.prompt}", row.prompt)
    )
    assert found == plain
    assert (found.count(BOS), found[0]) == (1, BOS)


def test_another_familys_vocabulary_is_refused(vocabulary, meta_row):
    capi.start()
    row = as_row(Question("q", "law", "Which?", ("a", "b"), 0), (), meta_row)
    with Model(vocabulary, vocab_only=True) as other, pytest.raises(PromptError) as caught:
        other.tokenize_prompts(prompts.render("meta-rows", [row], {}, None))
    assert str(caught.value) == (
        f"{vocabulary}: the prompt style `meta-rows` needs the control token <|start_header_id|>, "
        "and the model's vocabulary has none. Use --prompt chat."
    )
