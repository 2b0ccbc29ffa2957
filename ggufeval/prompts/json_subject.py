"""Rung 6 of the original study: as `json-final`, with examples of the question's own subject, each
in a compartment of its own."""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.prompts.json_ import prompt
from ggufeval.prompts.json_final import conversation
from ggufeval.prompts.listed import json_answer, json_form, listed
from ggufeval.prompts.style import Style
from ggufeval.types import ChatTemplate, Prompt, Question

_NAME = "json-subject"


def _compartment(number: int, shot: Question) -> str:
    return (
        f"[Example {number}]\n{listed(shot)}\n"
        f"[Answer to example {number}]\n{json_answer(shot)}\n"
        f"[End of example {number}]\n"
    )


def render(question: Question, shots: Sequence[Question], template: ChatTemplate | None) -> Prompt:
    compartments = [_compartment(i, shot) for i, shot in enumerate(shots, start=1)]
    return prompt(_NAME, question, template, conversation(question, "\n".join(compartments)))


STYLE = Style(
    _NAME,
    "As `json-final`, examples of the question's own subject (rung 6)",
    "",
    render,
    form=json_form,
    parser="json-or-substring",
    is_framed=True,
)
