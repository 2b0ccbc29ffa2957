"""Meta's task text through the model's own chat template, the shots as turns.

Source of the task's words: the data set meta-llama/Llama-3.2-1B-Instruct-evals
(docs/prompts.md). The assistant's turn is begun for the model: `The best answer is`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.errors import PromptError
from ggufeval.prompts.style import Style, answers, choice_lines, letters
from ggufeval.prompts.template import Message, spans
from ggufeval.types import ChatTemplate, Prompt, Question

_PREFIX = " "
_BEGUN = "The best answer is"
_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def task(question: Question) -> str:
    """The user's turn."""
    *first, last = list(letters(question))
    number = _NUMBERS[len(question.choices) - 2]
    return (
        f"Given the following question and {number} candidate answers "
        f"({', '.join(first)} and {last}), choose the best answer.\n"
        f"Question: {question.stem}\n{choice_lines(question)}\n"
        'Your response should end with "The best answer is [the_answer_letter]" '
        f"where the [the_answer_letter] is one of {', '.join(first)} or {last}."
    )


def render(question: Question, shots: Sequence[Question], template: ChatTemplate | None) -> Prompt:
    if template is None:
        raise PromptError(
            "the prompt style `chat` needs a chat template, and the model's file has none. "
            "Use --prompt mmlu."
        )
    messages = []
    for shot in shots:
        answer = f"{_BEGUN} {letters(shot)[shot.answer]}."
        messages += [Message("user", task(shot)), Message("assistant", answer)]
    messages.append(Message("user", task(question)))
    return Prompt(question.id, spans(template, messages, begun=_BEGUN), answers(question, _PREFIX))


STYLE = Style(
    "chat",
    "Meta's MMLU task through the model's own chat template",
    _PREFIX,
    render,
)
