"""Meta's MMLU task as a conversation: what the user asks, and how the assistant answers.

Source of the words: the data set meta-llama/Llama-3.2-1B-Instruct-evals (docs/prompts.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.prompts.style import choice_lines, letters
from ggufeval.prompts.template import Message
from ggufeval.types import Question

ANSWER_PREFIX = " "
BEGUN = "The best answer is"
"""The assistant's turn, begun for the model."""

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


def conversation(question: Question, shots: Sequence[Question]) -> list[Message]:
    """Each shot as a turn of the user and one of the assistant, then the question."""
    messages = []
    for shot in shots:
        answer = f"{BEGUN}{ANSWER_PREFIX}{letters(shot)[shot.answer]}."
        messages += [Message("user", task(shot)), Message("assistant", answer)]
    return [*messages, Message("user", task(question))]
