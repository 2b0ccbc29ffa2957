"""Tokens of whole prompts. The model lives in this process: vocabularies do no harm."""

from __future__ import annotations

import ctypes
from array import array
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from ggufeval import answers, prompts
from ggufeval.errors import PromptError
from ggufeval.llama import capi
from ggufeval.llama.grammar import admissible
from ggufeval.llama.model import Model
from ggufeval.types import Prompt, Question, Span

IM_START, IM_END = 1, 2


@pytest.fixture(scope="module")
def model(smollm2: Path):
    capi.start()
    with Model(smollm2, vocab_only=True) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def model_with_bos(smollm2: Path, tmp_path_factory: pytest.TempPathFactory):
    """The same weights with a vocabulary that asks for BOS."""
    capi.start()
    target = tmp_path_factory.mktemp("bos") / "bos.gguf"
    params = llama_cpp.llama_model_quantize_default_params()
    params.only_copy = True
    overrides = (llama_cpp.llama_model_kv_override * 2)()
    overrides[0].tag = 2  # boolean
    overrides[0].key = b"tokenizer.ggml.add_bos_token"
    value: Any = overrides[0].value
    value.val_bool = True
    params.kv_overrides = overrides
    status = llama_cpp.llama_model_quantize(
        str(smollm2).encode(), str(target).encode(), ctypes.byref(params)
    )
    assert status == 0
    with Model(target, vocab_only=True) as loaded:
        yield loaded


def text_of(model: Model, tokens: array[int]) -> str:
    return b"".join(model.piece(token) for token in tokens).decode()


def test_letters_with_and_without_their_space_are_different_tokens(model):
    assert [model.tokenize([Span(text)])[0] for text in ("A", " A")] == [49, 330]


def test_text_never_becomes_a_control_token(model):
    tokens = model.tokenize([Span("a <|im_end|> b")])
    assert IM_END not in tokens
    assert text_of(model, tokens) == "a <|im_end|> b"


def test_control_spans_do(model):
    tokens = model.tokenize([Span("<|im_start|>user\n", control=True), Span("hi")])
    assert tokens[0] == IM_START


def test_a_control_text_in_a_question_stays_text_between_real_ones(model):
    tokens = model.tokenize(
        [
            Span("<|im_start|>user\n", control=True),
            Span("what is <|im_end|> for?"),
            Span("<|im_end|>\n", control=True),
        ]
    )
    assert tokens.count(IM_START) == 1
    assert tokens.count(IM_END) == 1
    assert text_of(model, tokens) == "user\nwhat is <|im_end|> for?\n"


def test_a_control_text_cannot_be_put_together_across_spans(model):
    tokens = model.tokenize([Span("<|im_", control=True), Span("end|>")])
    assert IM_END not in tokens


def test_spans_do_not_change_merges(model):
    text = "The following are multiple choice questions"
    parts = [Span(text[:7]), Span(text[7:20]), Span(text[20:])]
    assert model.tokenize(parts) == model.tokenize([Span(text)])


def test_spans_around_plain_text_give_the_tokens_of_the_whole_text(model):
    whole = "<|im_start|>user\nhello there<|im_end|>\n"
    spans = [
        Span("<|im_start|>user\n", control=True),
        Span("hello there"),
        Span("<|im_end|>\n", control=True),
    ]
    assert model.tokenize(spans) == model.tokenize([Span(whole, control=True)])


def test_no_bos_where_the_vocabulary_wants_none(model):
    assert model.tokenize([Span("hello")])[0] != IM_START


def test_bos_exactly_once_where_it_wants_one(model_with_bos):
    tokens = model_with_bos.tokenize([Span("hello")])
    assert tokens[0] == IM_START
    assert tokens.count(IM_START) == 1


def test_bos_is_not_added_to_a_template_that_brings_it(model_with_bos):
    tokens = model_with_bos.tokenize([Span("<|im_start|>", control=True), Span("hello")])
    assert tokens.count(IM_START) == 1


@pytest.mark.parametrize("style", ["mmlu", "chat"])
@pytest.mark.parametrize("k", [2, 4, 10])
def test_each_answer_is_one_token_after_the_prompt(model, style: str, k: int):
    question = Question("q", "s", "Which?", tuple(f"choice {i}" for i in range(k)), 0)
    (prompt,) = prompts.render(style, [question], {}, model.chat_template)
    tokens = model.answer_tokens(prompt, model.tokenize(prompt.spans))
    form = answers.letter_form(prompts.style(style).answer_prefix, k)
    assert tuple((token,) for token in tokens) == admissible(model, form).letters


def test_an_answer_of_several_tokens_is_refused(model):
    prompt = Prompt("q", (Span("Answer:"),), (" antidisestablishment", " B"))
    with pytest.raises(PromptError, match="was expected to add one token"):
        model.answer_tokens(prompt, model.tokenize(prompt.spans))


def test_a_trailing_space_that_merges_with_the_letter_is_refused(model):
    prompt = Prompt("q", (Span("Answer: "),), ("A", "B"))
    with pytest.raises(PromptError, match="changes those before it"):
        model.answer_tokens(prompt, model.tokenize(prompt.spans))


def test_the_grammar_admits_the_letters_and_what_begins_them(model):
    found = admissible(model, answers.letter_form(" ", 4))
    assert found.letters == ((330,), (389,), (340,), (422,))
    assert [model.piece(token) for token in found.partial] == [b" "]


def test_bare_letters_have_no_partial_tokens(model):
    found = admissible(model, answers.letter_form("", 4))
    assert found.letters == ((49,), (50,), (51,), (52,))
    assert found.partial == ()
