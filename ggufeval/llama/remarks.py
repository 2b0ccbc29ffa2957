"""What does not fit between a model and the prompts that it gets, as their tokens show it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import llama_cpp

from ggufeval.llama.model import Model
from ggufeval.types import TokenizedPrompt

_INSTRUCT = re.compile(r"(?<![a-z])(instruct|chat|it)(?![a-z])", re.IGNORECASE)


def remarked(model: Model, prompt: TokenizedPrompt) -> TokenizedPrompt:
    """The prompt, which stands for all others of its style, with what is to be said of it."""
    return replace(
        prompt, faults=tuple(_faults(model, prompt)), remarks=tuple(_remarks(model, prompt))
    )


def _faults(model: Model, prompt: TokenizedPrompt) -> Iterator[str]:
    bos = llama_cpp.llama_vocab_bos(model.vocab)
    template = model.chat_template
    begins = list(prompt.tokens[:2])
    if bos < 0:
        return
    if begins == [bos, bos]:
        yield (
            f"The prompts begin with BOS ({model.bos}) twice, which models were not trained on: "
            "the template writes one that should not be there."
        )
    elif begins[:1] != [bos] and template and "bos_token" in template.source:
        yield (
            f"The prompts begin without BOS ({model.bos}), which the model's chat template puts "
            "before every conversation: models answer far worse without it."
        )


def _remarks(model: Model, prompt: TokenizedPrompt) -> Iterator[str]:
    """A prompt with control tokens is a conversation's."""
    in_turns = any(map(model.is_control, prompt.tokens[1:]))
    if model.chat_template and not in_turns and is_instruct(model):
        yield (
            "An instruct model, asked in plain text as a base model would be; --prompt chat asks "
            "it in its own format."
        )
    if in_turns and not model.chat_template:
        yield (
            "Asked in turns of a chat, and the model's file has no chat template: it may be a base "
            "model. --prompt mmlu asks in plain text."
        )


def is_instruct(model: Model) -> bool:
    """As far as its names say; that it has a chat template says less: base models can have one."""
    names = (model.metadata("general.name"), model.metadata("general.finetune"), model.path.stem)
    return any(_INSTRUCT.search(name) for name in names)
