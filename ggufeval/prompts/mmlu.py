"""The completion prompt of MMLU, as lm-evaluation-harness sends it (task `mmlu`).

Source: EleutherAI/lm-evaluation-harness `lm_eval/tasks/mmlu/default/_default_template_yaml`:
one space after "about", the question stripped, the choices as they are, no space at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.prompts.style import Style, answers, choice_lines, letters
from ggufeval.types import ChatTemplate, Prompt, Question, Span

_PREFIX = " "


def _block(question: Question) -> str:
    return f"{question.stem.strip()}\n{choice_lines(question)}\nAnswer:"


def render(question: Question, shots: Sequence[Question], _template: ChatTemplate | None) -> Prompt:
    subject = question.subject.replace("_", " ")
    head = f"The following are multiple choice questions (with answers) about {subject}.\n\n"
    solved = "".join(f"{_block(shot)} {letters(shot)[shot.answer]}\n\n" for shot in shots)
    return Prompt(
        question.id,
        (Span(head + solved + _block(question)),),
        answers(question, _PREFIX),
    )


STYLE = Style(
    "mmlu",
    "MMLU's completion prompt, as lm-evaluation-harness sends it",
    _PREFIX,
    render,
)
