"""Runs a plan: every token decoded once, one forward pass a question."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import numpy as np

from ggufeval.errors import ContextError
from ggufeval.llama.decoder import Decoder, Logits, letter_rows
from ggufeval.llama.grammar import Admissible
from ggufeval.llama.model import Model
from ggufeval.types import Batch, EngineSettings, Item, LetterScores, Tokens


class Scorer(Decoder):
    """Reads letters: one sequence a question, and the logits of its last token."""

    def __init__(
        self,
        model: Model,
        settings: EngineSettings,
        admissible: Mapping[int, Admissible],
        kept: AbstractSet[str] = frozenset(),
    ) -> None:
        """`kept` are the ids of questions whose scores hold the whole vocabulary."""
        super().__init__(model, settings)
        self.admissible = admissible
        self.kept = kept

    def score(self, prefix: Tokens, batch: Batch) -> list[LetterScores]:
        """Scores of a batch's questions, in its order. Decodes the prefix where it is a new one.

        Raises ContextError where it does not fit, WorkerError where llama.cpp fails.
        """
        if len(prefix) + batch.n_tokens > self.settings.n_ctx:
            raise ContextError(
                f"a batch with {batch.items[0].question_id} needs a context of "
                f"{len(prefix) + batch.n_tokens} tokens; it has {self.settings.n_ctx}."
            )
        self.start_group(prefix)
        if prefix:
            for sequence in range(1, len(batch.items) + 1):
                self.share(sequence)
        scores = []
        logits = self.decode(list(letter_rows(batch, len(prefix))))
        for sequence, (item, row) in enumerate(zip(batch.items, logits, strict=True), start=1):
            scores.append(self._letters(item, row))
            self.remove(sequence)
        return scores

    def _letters(self, item: Item, logits: Logits) -> LetterScores:
        top = int(logits.argmax())
        shifted = np.exp(logits - logits[top], dtype=np.float64)
        total = float(shifted.sum())
        if not np.isfinite(total):
            raise self.not_finite(item.question_id)
        tokens = self.admissible[item.n_choices]
        logsumexp = float(logits[top]) + float(np.log(total))
        return LetterScores(
            question_id=item.question_id,
            logits=tuple(float(logits[list(ids)].max()) for ids in tokens.letters),
            mass=sum(float(shifted[list(ids)].sum()) for ids in tokens.letters) / total,
            logsumexp=logsumexp,
            top_token=top,
            top_logit=float(logits[top]),
            partial_logit=max((float(logits[i]) for i in tokens.partial), default=float("-inf")),
            vocabulary=halved(logits, logsumexp) if item.question_id in self.kept else b"",
        )


def halved(logits: Logits, logsumexp: float) -> bytes:
    """The logarithms of the probabilities as float16, little-endian; below -65,504 they are -inf.

    Each is off by at most 2^-11 of itself: `stats.vocabulary` says what that does to a KLD.
    """
    with np.errstate(over="ignore"):
        return (logits.astype(np.float64) - logsumexp).astype("<f2").tobytes()
