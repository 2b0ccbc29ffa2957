"""What a prompt style is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ggufeval.types import LETTERS, ChatTemplate, Prompt, Question

Render = Callable[[Question, Sequence[Question], ChatTemplate | None], Prompt]


@dataclass(frozen=True, slots=True)
class Style:
    """A named, pure function from a question and its shots to a prompt."""

    name: str
    description: str
    answer_prefix: str
    """What stands before the letter in the answer: a space, or nothing."""
    render: Render
    """Raises PromptError where the model's chat template is missing or cannot make the prompt."""


def letters(question: Question) -> str:
    """The letters of its choices: `ABCD`."""
    return LETTERS[: len(question.choices)]


def choice_lines(question: Question) -> str:
    """`A. first` and so on, a line each, without a newline at the end."""
    pairs = zip(letters(question), question.choices, strict=True)
    return "\n".join(f"{letter}. {choice}" for letter, choice in pairs)


def answers(question: Question, prefix: str) -> tuple[str, ...]:
    return tuple(prefix + letter for letter in letters(question))
