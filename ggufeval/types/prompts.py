"""What is sent for a question, and how its answer is constrained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a prompt. Only where `control` is true may text become a control token."""

    text: str
    control: bool = False


@dataclass(frozen=True, slots=True)
class RequiredTokens:
    """Control tokens without which a prompt would not be what its style means."""

    style: str
    texts: tuple[str, ...]
    instead: str
    """The style for vocabularies that lack one."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent for one question, and the strings that answer it, one a choice."""

    question_id: str
    spans: tuple[Span, ...]
    answers: tuple[str, ...]
    """` A`, ` B`, ... or `A`, `B`, ...: what must follow the prompt, byte for byte."""
    required: RequiredTokens | None = None
    by_letter: bool = True
    """Whether an answer is a letter, and so must be one token. Else it is a choice's text."""

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """How the answer to a question is constrained: a grammar, and the answers it lets through."""

    grammar: str
    """GBNF."""
    answers: tuple[str, ...]
    """One a choice."""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A model's own chat template, as its file carries it."""

    source: str
    """Jinja."""
    bos_token: str
    eos_token: str
