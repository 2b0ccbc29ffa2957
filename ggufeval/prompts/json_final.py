"""Rung 5 of the original study: as `json`, with a closing instruction and a last line that asks."""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.prompts.fixed import FIXED
from ggufeval.prompts.json_ import TASK, examples, prompt
from ggufeval.prompts.listed import json_form, listed
from ggufeval.prompts.style import Style
from ggufeval.prompts.template import Message
from ggufeval.types import ChatTemplate, Prompt, Question

_NAME = "json-final"
_CLOSING = (
    "Now answer the question that follows in the same way: one JSON object with the exact text of "
    "one of its choices, and nothing before or after it."
)
_LAST = "Give your final answer as a JSON object."


def conversation(question: Question, solved: str) -> list[Message]:
    """What both rungs that close with an instruction say; `solved` are the examples."""
    parts = [part for part in (TASK, solved, _CLOSING) if part]
    return [
        Message("system", "\n".join(parts)),
        Message("user", f"{listed(question)}\n{_LAST}"),
    ]


def render(question: Question, _shots: Sequence[Question], template: ChatTemplate | None) -> Prompt:
    return prompt(_NAME, question, template, conversation(question, examples(FIXED)))


STYLE = Style(
    _NAME,
    "As `json`, with a closing instruction (the study's rung 5)",
    "",
    render,
    form=json_form,
    parser="json-or-substring",
    takes_shots=False,
    is_framed=True,
)
