"""Token ids, and in which batches they are decoded."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TypeAlias

Tokens: TypeAlias = "array[int]"
"""Token ids, type code `i` (a tuple of all of MMLU's would take 360 MB). Never changed."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text whose likelihood is asked for: the tokens that follow its question's prompt."""

    tokens: Tokens
    n_scored: int
    """The last ones, which are the text. Those before them are the prompt's own end, where
    another choice's text changes its tokens."""


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """A prompt in the model's tokens, BOS included. `n_choices` letters can follow."""

    question_id: str
    tokens: Tokens
    n_choices: int
    continuations: tuple[Continuation, ...] = ()
    text: str = ""
    """As it was rendered; empty where nobody wants it any more."""
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    """Of the first one of a run, which stands for all: see `Prompts`."""

    @property
    def n_tokens(self) -> int:
        """To be decoded: nothing follows the last token of a continuation."""
        return len(self.tokens) + _n_tokens(self.continuations)


@dataclass(frozen=True, slots=True)
class Item:
    """A question inside a batch: the tokens that follow its group's prefix."""

    question_id: str
    suffix_tokens: Tokens
    n_choices: int
    continuations: tuple[Continuation, ...] = ()
    n_shared: int = 0
    """So many of the suffix's tokens begin that of the item before it, too, and are decoded with
    it, once for both."""

    @property
    def n_tokens(self) -> int:
        """To be decoded."""
        return len(self.suffix_tokens) - self.n_shared + _n_tokens(self.continuations)

    @property
    def n_sequences(self) -> int:
        return max(1, len(self.continuations))


def _n_tokens(continuations: tuple[Continuation, ...]) -> int:
    return sum(len(continuation.tokens) - 1 for continuation in continuations)


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions that are decoded together. Also the unit of storing and of resuming."""

    items: tuple[Item, ...]

    @property
    def n_tokens(self) -> int:
        return sum(item.n_tokens for item in self.items)

    @property
    def n_sequences(self) -> int:
        return sum(item.n_sequences for item in self.items)


@dataclass(frozen=True, slots=True)
class Group:
    """Batches that share a prefix, which is decoded once."""

    prefix_tokens: Tokens
    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that will be decoded, in order. See `ggufeval.plan`."""

    groups: tuple[Group, ...]
    stops: tuple[int, ...] = ()
    """Numbers of batches after which it may be left for good: the ends of its rounds."""
    n_common: int = 0
    """Tokens that all prefixes begin with, and that are decoded once for all of them."""

    @property
    def n_questions(self) -> int:
        return sum(len(batch.items) for group in self.groups for batch in group.batches)

    @property
    def n_batches(self) -> int:
        return sum(len(group.batches) for group in self.groups)

    @property
    def n_tokens(self) -> int:
        """Unique tokens: each prefix once, each suffix once."""
        return self.n_common + sum(
            len(group.prefix_tokens)
            - self.n_common
            + sum(batch.n_tokens for batch in group.batches)
            for group in self.groups
        )
