"""A question with its choices as a list, whose answer is the text of one: rungs 1 to 6.

The words are ours; the design is that of the original study (docs/prompts.md).
"""

from __future__ import annotations

import json

from ggufeval.prompts.gbnf import one_of
from ggufeval.types import AnswerForm, Question

_BEFORE, _AFTER = '{"Answer": "', '"}'


def listed(question: Question) -> str:
    lines = "\n".join(f"- {choice}" for choice in question.choices)
    return f"Question: {question.stem}\nChoices:\n{lines}"


def json_answer(question: Question) -> str:
    """A solved example's answer."""
    return json_form(question).answers[question.answer]


def json_form(question: Question) -> AnswerForm:
    """`{"Answer": "..."}` with one of the choices, escaped as JSON asks and no further."""
    texts = [json.dumps(choice, ensure_ascii=False)[1:-1] for choice in question.choices]
    return one_of(_BEFORE, texts, _AFTER)


def solved(stem: str, choices: tuple[str, ...], answer: int) -> Question:
    """An example that is part of a style."""
    return Question("", "", stem, choices, answer)
