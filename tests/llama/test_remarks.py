"""What does not fit between a model and its prompts."""

from __future__ import annotations

from array import array
from functools import partial
from pathlib import Path

import pytest

from ggufeval import prompts
from ggufeval.llama import capi
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.model import Model
from ggufeval.llama.remarks import is_instruct, remarked
from ggufeval.types import ChatTemplate, TokenizedPrompt

IM_START = 1  # SmolLM2's BOS, which opens its turns, too
WORDS = (1000, 2000, 3000)


@pytest.fixture
def model(smollm2: Path):
    capi.start()
    with Model(smollm2, vocab_only=True) as loaded:
        yield loaded


def said(model, *tokens):
    found = remarked(model, TokenizedPrompt("q", array("i", tokens), 4))
    return found.faults, found.remarks


def test_bos_twice(model):
    (fault,), _ = said(model, IM_START, IM_START, *WORDS)
    assert fault.startswith("The prompts begin with BOS (<|im_start|>) twice, ")
    assert said(model, IM_START, *WORDS, IM_START) == ((), ())


def test_no_bos_where_the_template_would_write_one(model, monkeypatch):
    assert said(model, IM_START)[0] == said(model, *WORDS)[0] == ()  # SmolLM2's writes none
    template = ChatTemplate("{{ bos_token }}{{ messages[0] }}", "<|im_start|>", "<|im_end|>")
    monkeypatch.setitem(model.__dict__, "chat_template", template)
    (fault,), _ = said(model, *WORDS)
    assert fault.startswith("The prompts begin without BOS (<|im_start|>), which the model's chat")
    assert said(model, IM_START, *WORDS)[0] == ()


def test_an_instruct_model_in_plain_text(model):
    assert is_instruct(model)
    _, (remark,) = said(model, *WORDS)
    assert remark.startswith("An instruct model, asked in plain text as a base model would be; ")
    assert said(model, *WORDS, IM_START) == ((), ())


def test_a_base_model_may_have_a_template(model, monkeypatch):
    monkeypatch.setattr(model, "path", Path("Llama-3.2-1B-Q8_0.gguf"))
    monkeypatch.setattr(model, "metadata", lambda _: "A submit unit")
    assert not is_instruct(model)
    assert said(model, *WORDS) == ((), ())


@pytest.mark.parametrize("name", ["gemma-3-1b-it-Q4_0", "Llama-2-7b-chat.Q8_0", "X-Instruct-F16"])
def test_names_of_instruct_models(model, monkeypatch, name):
    monkeypatch.setattr(model, "path", Path(f"{name}.gguf"))
    monkeypatch.setattr(model, "metadata", lambda _: "")
    assert is_instruct(model)


def test_turns_without_a_template(model, monkeypatch):
    monkeypatch.setitem(model.__dict__, "chat_template", None)
    _, (remark,) = said(model, IM_START, *WORDS, IM_START, *WORDS)
    assert remark.startswith("Asked in turns of a chat, and the model's file has no chat template:")
    assert said(model, *WORDS) == ((), ())


@pytest.mark.parametrize(("style", "n"), [("mmlu", 1), ("chat", 0)])
def test_the_first_prompt_brings_it_along(smollm2, few_questions, style, n):
    render = partial(prompts.render, style, few_questions.questions, few_questions.shots)
    with ModelProcess() as process:
        first, *others = process.tokenize(smollm2, render)
    assert first.faults == ()
    assert len(first.remarks) == n
    assert not any(prompt.faults or prompt.remarks for prompt in others)
