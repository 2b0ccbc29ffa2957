"""What is sent for a question, and how its answer is constrained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os.path import commonprefix
from typing import Self

from ggufeval.types.questions import Question


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
class Prompts:
    """The texts that were sent, control tokens spelled out; the tokenizer's own BOS is not there.

    What the prompts of a group (a subject) begin with stands once.
    """

    shared: tuple[str, ...]
    rest: Mapping[tuple[str, int], tuple[int, str]]
    """Question id and rotation -> index into `shared`, and the text that follows that one."""
    shots: Mapping[str, tuple[Question, ...]] = field(default_factory=dict)
    """Subject -> the solved examples in them, in order; empty: none, or they were not kept."""
    faults: tuple[str, ...] = ()
    """Sentences on what must not be: BOS twice, say."""
    remarks: tuple[str, ...] = ()
    """Sentences on what may be meant so: an instruct model that is asked in plain text."""

    @classmethod
    def of(cls, texts: Iterable[tuple[str, tuple[str, int], str]]) -> Self:
        """Of prompts that come as group, question id and rotation, text. Whole lines are shared."""
        groups: dict[str, dict[tuple[str, int], str]] = {}
        for group, key, text in texts:
            groups.setdefault(group, {})[key] = text
        places: dict[str, int] = {}
        rest: dict[tuple[str, int], tuple[int, str]] = {}
        for own in groups.values():
            ends = [min(own.values()), max(own.values())]
            common = commonprefix(ends) if len(own) > 1 else ""  # noqa: RUF071 - no paths
            shared = common[: common.rfind("\n") + 1]
            place = places.setdefault(shared, len(places))
            rest |= {key: (place, text[len(shared) :]) for key, text in own.items()}
        return cls(tuple(places), rest)

    def text(self, question_id: str, rotation: int = 0) -> str | None:
        """The whole prompt; None where it is not known."""
        if (found := self.rest.get((question_id, rotation))) is None:
            return None
        place, rest = found
        return self.shared[place] + rest


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
