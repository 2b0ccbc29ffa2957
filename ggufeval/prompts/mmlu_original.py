"""The completion prompt of MMLU, as its authors sent it.

Source: hendrycks/test `evaluate.py`: `format_subject` begins with a space of its own, so two stand
after "about"; nothing is stripped. It differs from `mmlu` in nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.prompts.style import Style, answers, choice_lines, letters
from ggufeval.types import ChatTemplate, Prompt, Question, Span

_PREFIX = " "


def _block(question: Question) -> str:
    return f"{question.stem}\n{choice_lines(question)}\nAnswer:"


def render(question: Question, shots: Sequence[Question], _template: ChatTemplate | None) -> Prompt:
    subject = question.subject.replace("_", " ")
    head = f"The following are multiple choice questions (with answers) about  {subject}.\n\n"
    solved = "".join(f"{_block(shot)} {letters(shot)[shot.answer]}\n\n" for shot in shots)
    return Prompt(
        question.id, (Span(head + solved + _block(question)),), answers(question, _PREFIX)
    )


STYLE = Style(
    "mmlu-original",
    "MMLU's completion prompt, as its authors sent it",
    _PREFIX,
    render,
)
