"""What a prompt style is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ggufeval.types import LETTERS, AnswerForm, ChatTemplate, Prompt, Question

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
    form: Callable[[Question], AnswerForm] | None = None
    """Where a choice's *text* is the answer: all answers to a question, and their grammar.
    None: a letter after `answer_prefix`."""
    parser: str = "letter"
    """How a text that the model wrote freely is read: a name in `ggufeval.parsers`."""
    begun: str = ""
    """Words of the answer that end the prompt already; the parser reads them too."""
    takes_shots: bool = True
    """Whether `--shots` changes anything; else its examples are its own."""
    is_framed: bool = False
    """Whether words stand around the choice's text, which its likelihood would hold too."""

    @property
    def by_letter(self) -> bool:
        """Whether the answer is a letter, which one forward pass can read."""
        return self.form is None


def letters(question: Question) -> str:
    """The letters of its choices: `ABCD`."""
    return LETTERS[: len(question.choices)]


def choice_lines(question: Question) -> str:
    """`A. first` and so on, a line each, without a newline at the end."""
    pairs = zip(letters(question), question.choices, strict=True)
    return "\n".join(f"{letter}. {choice}" for letter, choice in pairs)


def answers(question: Question, prefix: str) -> tuple[str, ...]:
    return tuple(prefix + letter for letter in letters(question))
