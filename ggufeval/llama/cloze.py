"""How likely is each choice's text? The question is decoded once, the texts share it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ggufeval.errors import ContextError, PromptError
from ggufeval.llama.decoder import Decoder, Logits, Row, rows
from ggufeval.llama.model import Model
from ggufeval.types import (
    Batch,
    ClozeScores,
    Continuation,
    Item,
    Prompt,
    Span,
    TokenizedPrompt,
    Tokens,
)

_PADDING = 1


def tokenize_prompts(model: Model, prompts: Sequence[Prompt]) -> list[TokenizedPrompt]:
    """Each prompt, with its answers as continuations, which may be of any length.

    A prompt and an answer are tokenized together, as a text is. The tokens that both the prompt
    alone and the two together begin with are the prompt's; what comes after is the answer's.

    Raises PromptError where an answer adds no token, or where nothing stands before it, and
    UnsuitableError where the vocabulary lacks a token that a prompt requires.
    """
    model.check_required(prompts)
    return [_tokenize(model, prompt) for prompt in prompts]


def _tokenize(model: Model, prompt: Prompt) -> TokenizedPrompt:
    alone = model.tokenize(prompt.spans)
    whole = [model.tokenize([*prompt.spans, Span(answer)]) for answer in prompt.answers]
    borders = [_n_common(alone, tokens) for tokens in whole]
    shared = min(borders, default=len(alone))
    if shared == 0:
        raise PromptError(
            f"{model.path}: no token stands before the answers of {prompt.question_id}, so that "
            "their first one has no likelihood. Choose another --prompt."
        )
    continuations = []
    for answer, tokens, border in zip(prompt.answers, whole, borders, strict=True):
        if len(tokens) == border:
            raise PromptError(
                f"{model.path}: the answer {answer!r} adds no token to the prompt of "
                f"{prompt.question_id}."
            )
        continuations.append(Continuation(tokens[shared:], len(tokens) - border))
    n = len(prompt.answers)
    return TokenizedPrompt(prompt.question_id, alone[:shared], n, tuple(continuations), prompt.text)


def _n_common(one: Tokens, other: Tokens) -> int:
    limit = min(len(one), len(other))
    return next((i for i in range(limit) if one[i] != other[i]), limit)


class ClozeScorer(Decoder):
    """Reads likelihoods: a question's sequence is its first text's, shared with the others'."""

    def score(self, prefix: Tokens, batch: Batch) -> list[ClozeScores]:
        """Scores of a batch's questions, in its order. Decodes the prefix where it is a new one.

        Raises ContextError where it does not fit, WorkerError where llama.cpp fails.
        """
        need = len(prefix) + batch.n_tokens + _PADDING
        if need > self.settings.n_ctx:
            raise ContextError(
                f"a batch with {batch.items[0].question_id} needs a context of {need} tokens; it "
                f"has {self.settings.n_ctx}."
            )
        self.start_group(prefix)
        firsts = [1]
        for item in batch.items:
            firsts.append(firsts[-1] + item.n_sequences)
        sums = self._first_tokens(prefix, batch, firsts)
        self._other_tokens(prefix, batch, firsts, sums)
        for sequence in range(1, firsts[-1]):
            self.remove(sequence)
        return [
            ClozeScores(item.question_id, tuple(own))
            for item, own in zip(batch.items, sums, strict=True)
        ]

    def _first_tokens(
        self, prefix: Tokens, batch: Batch, firsts: Sequence[int]
    ) -> list[list[float]]:
        """Decode the questions. Their last rows say how likely the texts' first tokens are."""
        wanted: list[Row] = []
        for item, sequence in zip(batch.items, firsts, strict=False):
            if prefix:
                self.share(sequence)
            tokens = item.suffix_tokens
            wanted += rows(tokens, start=len(prefix), sequence=sequence, n_wanted=1)
        sums = []
        for item, logits in zip(batch.items, self.decode(wanted), strict=True):
            total = self._logsumexp(item, logits)
            sums.append(
                [
                    float(logits[c.tokens[0]]) - total if c.n_scored == len(c.tokens) else 0.0
                    for c in item.continuations
                ]
            )
        return sums

    def _other_tokens(
        self, prefix: Tokens, batch: Batch, firsts: Sequence[int], sums: list[list[float]]
    ) -> None:
        """Decode the texts but for their last tokens, and add what their rows say of the next."""
        wanted: list[Row] = []
        targets: list[tuple[int, int, int]] = []
        for i, (item, first) in enumerate(zip(batch.items, firsts, strict=False)):
            start = len(prefix) + len(item.suffix_tokens)
            for j, continuation in enumerate(item.continuations):
                if j:
                    self.share(first + j, source=first)
                tokens = continuation.tokens[:-1]
                n = min(continuation.n_scored, len(tokens))
                wanted += rows(tokens, start=start, sequence=first + j, n_wanted=n)
                targets += [(i, j, token) for token in continuation.tokens[1:][len(tokens) - n :]]
        for (i, j, token), logits in zip(targets, self.decode(wanted), strict=True):
            sums[i][j] += float(logits[token]) - self._logsumexp(batch.items[i], logits)

    def _logsumexp(self, item: Item, logits: Logits) -> float:
        top = float(logits.max())
        total = float(np.exp(logits.astype(np.float64) - top).sum())
        if not math.isfinite(total):
            raise self.not_finite(item.question_id)
        return top + math.log(total)
