"""Rungs 2 to 4 of the original study: a JSON object, after five fixed examples.

The file has an underscore because the module `json` is Python's.
"""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.prompts.fixed import FIXED
from ggufeval.prompts.listed import json_answer, json_form, listed
from ggufeval.prompts.style import Style
from ggufeval.prompts.system import rendered
from ggufeval.prompts.template import Message
from ggufeval.types import ChatTemplate, Prompt, Question

_NAME = "json"
_LINE = "-" * 20
TASK = (
    "You answer multiple-choice questions. Reply with a JSON object of this form:\n"
    '{"Answer": "the text of the right choice"}'
)


def examples(shots: Sequence[Question]) -> str:
    """Solved examples, with a line of hyphens before each and after the last."""
    blocks = [f"{listed(shot)}\n{json_answer(shot)}" for shot in shots]
    return "\n".join(part for block in blocks for part in (_LINE, block)) + f"\n{_LINE}"


def render(question: Question, _shots: Sequence[Question], template: ChatTemplate | None) -> Prompt:
    messages = [
        Message("system", f"{TASK}\n{examples(FIXED)}"),
        Message("user", listed(question)),
    ]
    return prompt(_NAME, question, template, messages)


def prompt(
    style: str, question: Question, template: ChatTemplate | None, messages: Sequence[Message]
) -> Prompt:
    """The prompt of a style whose answer is a JSON object."""
    return Prompt(
        question.id,
        rendered(style, template, messages),
        json_form(question).answers,
        by_letter=False,
    )


STYLE = Style(
    _NAME,
    "A JSON object with a choice's text (the study's rungs 2 to 4)",
    "",
    render,
    form=json_form,
    parser="json",
    takes_shots=False,
    is_framed=True,
)
