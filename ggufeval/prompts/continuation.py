"""The completion prompt without its choices, for the likelihood of each choice's text.

Source: lm-evaluation-harness, `lm_eval/tasks/mmlu/continuation/_continuation_template_yaml` and the
description that its subjects give.
"""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.prompts.gbnf import one_of
from ggufeval.prompts.style import Style
from ggufeval.types import AnswerForm, ChatTemplate, Prompt, Question, Span

_PREFIX = " "


def form(question: Question) -> AnswerForm:
    return one_of(_PREFIX, question.choices)


def render(question: Question, shots: Sequence[Question], _template: ChatTemplate | None) -> Prompt:
    subject = question.subject.replace("_", " ")
    solved = [f"{_asked(shot)}{_PREFIX}{shot.choices[shot.answer]}\n\n" for shot in shots]
    text = f"The following are questions (with answers) about {subject}.\n\n"
    text += "".join(solved) + _asked(question)
    return Prompt(question.id, (Span(text),), form(question).answers, by_letter=False)


def _asked(question: Question) -> str:
    return f"Question: {question.stem.strip()}\nAnswer:"


STYLE = Style(
    "continuation",
    "The question alone, its answer a choice's text (for --read cloze)",
    "",
    render,
    form=form,
    parser="answer-line",
)
