"""Prompts -> shared prefixes -> batches. Pure and deterministic: weights never matter.

llama.cpp's logits depend slightly on the batch that they are computed in, so the plan of a study
is one and the same for every quantization of a model, and runs are only compared on equal plans.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, groupby
from typing import TypeVar

from ggufeval.errors import ContextError
from ggufeval.types import Batch, Group, Item, Plan, Sampling, TokenizedPrompt, Tokens

T = TypeVar("T")
_DOMAIN = b"ggufeval plan 2"
MAX_SEQUENCES = 128
"""In a batch, where nothing else is said; llama.cpp keeps at most 256 apart."""
LEAST_SHARED = 32
"""Tokens. Fewer than these are not worth another composition of the batch."""
_PADDING = 1  # a decode of a single row is padded with one more


def make(
    prompts: Sequence[tuple[str, TokenizedPrompt]],
    *,
    budget: int,
    max_items: int = MAX_SEQUENCES,
    n_ctx: int | None = None,
    share_prefix: bool = True,
    share_stems: bool = False,
    max_tokens: int = 0,
    rounds: Sequence[int] = (),
) -> Plan:
    """The plan for prompts that come with the name of the group (the subject) that they belong to.

    Prompts of a group stand together, in each round if there are `rounds` (how many prompts each
    has). A group's prefix is the longest common *token* prefix of all prompts of its name that
    leaves each at least one token; what the prompts of all groups begin with is decoded once for
    all of them, if it is `LEAST_SHARED` tokens or more. Batches take prompts in order while their
    suffixes fit into `budget` tokens (and `n_ctx` beside the prefix) and are at most `max_items`,
    a continuation counted as an item; a prompt longer than the budget has a batch of its own. With
    `share_stems` what two prompts behind one another in a batch begin with besides is decoded once
    for both, if that saves `LEAST_SHARED` tokens: three questions on one text, say. `max_tokens`
    are what will be generated after each prompt, at most.

    Raises ContextError where a prompt does not fit into `n_ctx`.
    """
    if n_ctx is not None:
        _check_fit(prompts, n_ctx, max_tokens)
    named: dict[str, list[Tokens]] = {}
    for name, prompt in prompts:
        named.setdefault(name, []).append(prompt.tokens)
    shared = {name: _common_prefix(own) if share_prefix else 0 for name, own in named.items()}
    n_common = 0
    if share_prefix and len(named) > 1:
        n_common = _common_prefix([prompt.tokens for _, prompt in prompts])
        n_common = n_common if n_common >= LEAST_SHARED else 0
        shared = {name: max(n, n_common) for name, n in shared.items()}
    groups: list[Group] = []
    stops = []
    for one_round in _cut(prompts, rounds):
        for name, members in groupby(one_round, key=lambda pair: pair[0]):
            tokenized, n = [prompt for _, prompt in members], shared[name]
            items = [
                Item(p.question_id, p.tokens[n:], p.n_choices, p.continuations) for p in tokenized
            ]
            room = budget if n_ctx is None else min(budget, n_ctx - n - _PADDING)
            packed = _packed(items, room, max_items, share_stems=share_stems)
            batches = tuple(Batch(tuple(batch)) for batch in packed)
            groups.append(Group(tokenized[0].tokens[:n], batches))
        stops.append(sum(len(group.batches) for group in groups))
    return Plan(tuple(groups), tuple(stops) if rounds else (), n_common)


def _cut(values: Sequence[T], sizes: Sequence[int]) -> list[Sequence[T]]:
    """Into runs of these sizes; one run where there are none."""
    ends = list(accumulate(sizes)) or [len(values)]
    return [values[end - n : end] for n, end in zip(sizes or ends, ends, strict=True)]


def _check_fit(prompts: Sequence[tuple[str, TokenizedPrompt]], n_ctx: int, max_tokens: int) -> None:
    longest = max((prompt for _, prompt in prompts), key=lambda prompt: prompt.n_tokens)
    need = longest.n_tokens + max_tokens + _PADDING
    if need > n_ctx:
        raise ContextError(
            f"the prompt of {longest.question_id} needs a context of {need} tokens, and it is "
            f"{n_ctx}. Nothing is truncated: use -c {_rounded(need)} or more, or fewer --shots."
        )


def _common_prefix(sequences: Sequence[Tokens]) -> int:
    """Length of the longest common prefix that is a proper one of each sequence.

    The smallest and the greatest sequence differ first where any two do.
    """
    if len(sequences) == 1:
        return 0
    limit = max(0, min(len(sequence) for sequence in sequences) - 1)
    low, high = min(sequences), max(sequences)
    return next((i for i in range(limit) if low[i] != high[i]), limit)


def _packed(
    items: Sequence[Item], budget: int, max_items: int, *, share_stems: bool
) -> Iterator[list[Item]]:
    batch: list[Item] = []
    used = n = 0
    for alone in items:
        item = _beside(batch[-1], alone) if batch and share_stems else alone
        if batch and (used + item.n_tokens > budget or n + item.n_sequences > max_items):
            yield batch
            batch, used, n, item = [], 0, 0, alone
        batch.append(item)
        used += item.n_tokens
        n += item.n_sequences
    yield batch


def _beside(before: Item, item: Item) -> Item:
    """The item behind another one, with what both begin with marked where that is worth it."""
    n_shared = _common_prefix((before.suffix_tokens, item.suffix_tokens))
    return replace(item, n_shared=n_shared) if n_shared >= LEAST_SHARED else item


def by_batch(plan: Plan, values: Sequence[T]) -> list[tuple[T, ...]]:
    """Values that come one an item, in the plan's order, cut into its batches."""
    sizes = [len(batch.items) for group in plan.groups for batch in group.batches]
    return [tuple(part) for part in _cut(values, sizes)]


def chain(plan: Plan) -> list[str]:
    """Hash after each batch, in order: every token id and every composition up to there.

    Two runs may be compared, or one resumed, as far as their chains agree.
    """
    common = struct.pack("<I", plan.n_common) if plan.n_common else b""
    link = hashlib.sha256(_DOMAIN + common).digest()
    links = []
    for group in plan.groups:
        for batch in group.batches:
            digest = hashlib.sha256(link)
            _feed(digest, group.prefix_tokens)
            for item in batch.items:
                _feed(digest, item.suffix_tokens)
                name = item.question_id.encode()
                digest.update(struct.pack("<II", item.n_choices, len(name)) + name)
                if item.n_shared:
                    digest.update(struct.pack("<I", item.n_shared))
                for continuation in item.continuations:
                    _feed(digest, continuation.tokens)
                    digest.update(struct.pack("<I", continuation.n_scored))
            link = digest.digest()
            links.append(link.hex())
    return links


def _feed(digest: hashlib._Hash, tokens: Tokens) -> None:
    digest.update(struct.pack(f"<I{len(tokens)}i", len(tokens), *tokens))


def plan_hash(plan: Plan) -> str:
    """The last link of the chain."""
    return chain(plan)[-1]


def context_size(plan: Plan) -> int:
    """Tokens of context that the plan needs at once, rounded up to llama.cpp's 256."""
    most = max(
        len(group.prefix_tokens) + max(batch.n_tokens for batch in group.batches)
        for group in plan.groups
    )
    return _rounded(most + _PADDING)


def generation_context_size(plan: Plan, sampling: Sampling) -> int:
    """Tokens of context that let all slots generate at once, rounded up to llama.cpp's 256.

    With less, down to what its longest question needs, fewer generate together.
    """
    most = 0
    for group in plan.groups:
        for batch in group.batches:
            longest = sorted((len(item.suffix_tokens) for item in batch.items), reverse=True)
            texts = [n + sampling.max_tokens for n in longest[: sampling.slots]]
            most = max(most, len(group.prefix_tokens) + sum(texts))
    return _rounded(most + _PADDING)


def generation_sequences(plan: Plan, sampling: Sampling) -> int:
    """As `sequences`, with no more questions at once than there are slots."""
    return min(sequences(plan), 2 + sampling.slots)


def _rounded(n_tokens: int) -> int:
    return -(-n_tokens // 256) * 256


def sequences(plan: Plan) -> int:
    """Sequences that llama.cpp must keep apart: the prefix, the questions of a batch, padding."""
    return 2 + max(batch.n_sequences for group in plan.groups for batch in group.batches)
