"""Values of the readings that write texts, or weigh them. Like `types`, a leaf."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Sampling:
    """How texts are generated. All of it can change one."""

    temperature: float
    """0: always the likeliest token."""
    max_tokens: int
    seed: int
    """Of the run. Each question has a seed of its own, made from this and its id."""
    slots: int = 16
    """Questions that generate together."""


class Stop(StrEnum):
    """Why a generation ended."""

    EOG = "eog"
    """The model ended it: end of turn, end of text."""
    LENGTH = "length"
    """It was as long as it may be."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What a model wrote after a prompt."""

    question_id: str
    text: str
    """Without control tokens; bytes that are no UTF-8 became U+FFFD."""
    n_tokens: int
    """Drawn, that which ended it included."""
    stop: Stop


@dataclass(frozen=True, slots=True)
class ClozeScores:
    """How likely each choice's text is after the prompt."""

    question_id: str
    logprobs: tuple[float, ...]
    """Natural logarithms, summed over a text's tokens."""
    n_bytes: tuple[int, ...]
    """Of each text as it was given, in UTF-8."""
