"""Rung 1 of the original study: a line `Answer: ...`, after two toy examples."""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.prompts.gbnf import one_of
from ggufeval.prompts.listed import listed, solved
from ggufeval.prompts.style import Style
from ggufeval.prompts.system import rendered
from ggufeval.prompts.template import Message
from ggufeval.types import AnswerForm, ChatTemplate, Prompt, Question

_NAME = "answer-line"
_BEFORE = "Answer: "
_TASK = (
    "You answer multiple-choice questions. Reply with one line that begins with "
    '"Answer: " and then gives the text of the right choice. Write nothing else.'
)
_TOYS = (
    solved("What is 7 plus 5?", ("10", "11", "12", "13"), 2),
    solved("Which part of the body pumps the blood?", ("Liver", "Heart", "Lung", "Skin"), 1),
)


def form(question: Question) -> AnswerForm:
    return one_of(_BEFORE, question.choices)


def render(question: Question, _shots: Sequence[Question], template: ChatTemplate | None) -> Prompt:
    examples = [f"{listed(toy)}\n{form(toy).answers[toy.answer]}" for toy in _TOYS]
    messages = [
        Message("system", "\n\n".join([_TASK, *examples])),
        Message("user", listed(question)),
    ]
    return Prompt(
        question.id,
        rendered(_NAME, template, messages),
        form(question).answers,
        by_letter=False,
    )


STYLE = Style(
    _NAME,
    "A line `Answer: ...` with a choice's text (the study's rung 1)",
    "",
    render,
    form=form,
    parser="answer-line",
    takes_shots=False,
    is_framed=True,
)
