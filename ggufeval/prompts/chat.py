"""Meta's MMLU task through the model's own chat template, the shots as turns."""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.errors import UnsuitableError
from ggufeval.prompts.instruction import ANSWER_PREFIX, BEGUN, conversation
from ggufeval.prompts.style import Style, answers
from ggufeval.prompts.template import spans
from ggufeval.types import ChatTemplate, Prompt, Question


def render(question: Question, shots: Sequence[Question], template: ChatTemplate | None) -> Prompt:
    if template is None:
        raise UnsuitableError(
            "the prompt style `chat` needs a chat template, and the model's file has none",
            "Use --prompt mmlu.",
        )
    return Prompt(
        question.id,
        spans(template, conversation(question, shots), begun=BEGUN),
        answers(question, ANSWER_PREFIX),
    )


STYLE = Style(
    "chat",
    "Meta's MMLU task through the model's own chat template",
    ANSWER_PREFIX,
    render,
    parser="best-answer",
    begun=BEGUN,
)
