"""Grammars of choices' texts, put to llama.cpp: they let through their answers and nothing else."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import llama_cpp
import pytest

from ggufeval import prompts
from ggufeval.llama import capi
from ggufeval.llama.model import Model
from ggufeval.types import Question, Span

CHOICES = (
    ("Mars", "Jupiter", "Venus", "Earth"),
    ("a cell", "a cell wall", "a", "a cell"),
    ('says "no"', "back\\slash", "two\nlines\r\n", "\ttab"),
    ("caf\u00e9", "\u4e2d\u6587", "\U0001f600", "\u2028"),
    ("", " ", "  ", "\x1b[0m"),
    ("[A-D]", '"}', "{{ x }}", "(a | b)*"),
    ("<|eot_id|>", "<|im_end|>", "</s>", "\\n"),
    tuple(f"choice {i}" for i in range(10)),
    ("yes", "no"),
)


@pytest.fixture(scope="module", params=["smollm2", "llama3"])
def model(request: pytest.FixtureRequest) -> Iterator[Model]:
    names = {"smollm2": "vocabulary", "llama3": "llama3_vocabulary"}
    capi.start()
    with Model(request.getfixturevalue(names[request.param]), vocab_only=True) as loaded:
        yield loaded


class Grammar:
    """llama.cpp's grammar sampler, asked about one token at a time."""

    def __init__(self, model: Model, grammar: str) -> None:
        self.sampler = llama_cpp.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root")
        assert self.sampler

    def admits(self, token: int) -> bool:
        data = (llama_cpp.llama_token_data * 1)()
        data[0].id = token
        candidates = llama_cpp.llama_token_data_array(data, 1, -1, False)
        llama_cpp.llama_sampler_apply(self.sampler, ctypes.byref(candidates))
        return data[0].logit != -float("inf")

    def takes(self, tokens: list[int]) -> bool:
        for token in tokens:
            if not self.admits(token):
                return False
            llama_cpp.llama_sampler_accept(self.sampler, token)
        return True

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self.sampler)


def tokens_of(model: Model, text: str) -> list[int]:
    return list(model._tokenize(text, parse_special=False))


def lets_through(model: Model, grammar: str, text: str) -> bool:
    """Whether the text may be generated, and the turn be ended after it."""
    asked = Grammar(model, grammar)
    try:
        return asked.takes(tokens_of(model, text)) and asked.admits(
            llama_cpp.llama_vocab_eos(model.vocab)
        )
    finally:
        asked.close()


@pytest.mark.parametrize("choices", CHOICES, ids=lambda texts: repr(texts[0]))
@pytest.mark.parametrize("style", ["answer-line", "json"])
def test_each_answer_is_let_through_and_no_other_text(model, style, choices):
    form = prompts.style(style).form(Question("q", "law", "?", choices, 0))
    for answer in form.answers:
        assert lets_through(model, form.grammar, answer)
        assert not lets_through(model, form.grammar, answer[1:])
        for other in (answer[:-1], answer + "x"):
            assert lets_through(model, form.grammar, other) is (other in form.answers)


def test_texts_are_not_asked_to_be_one_token(model):
    text = Question("q", "law", "?", ("a long choice", "another one"), 0)
    prompt = prompts.styles()["mmlu"].render(text, (), None)
    from dataclasses import replace

    longer = replace(prompt, answers=("Answer: a long choice", "x"), by_letter=False)
    (tokenized,) = model.tokenize_prompts([longer])
    assert tokenized.n_choices == 2
    assert tokenized.tokens == model.tokenize([Span(prompt.text)])
