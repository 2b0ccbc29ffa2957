"""Runs a plan to texts: many questions generate together, and a finished one makes room."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import llama_cpp
import numpy as np

from ggufeval.errors import ContextError, ModelError
from ggufeval.llama import grammar
from ggufeval.llama.decoder import Decoder, Logits, rows
from ggufeval.llama.model import Model
from ggufeval.llama.sampler import Candidates, DeadEndError, Sampler, seed_of
from ggufeval.types import Batch, EngineSettings, Generation, Item, Sampling, Stop, Tokens

_PADDING = 1


@dataclass(slots=True)
class _Writing:
    """A question that generates at present."""

    index: int
    """Of the question in its batch."""
    item: Item
    sequence: int
    sampler: Sampler
    position: int
    """Of its next token."""
    tokens: list[int] = field(default_factory=list)
    stop: Stop | None = None


class Generator(Decoder):
    """Writes texts. Each question is a sequence with a sampler of its own.

    What is decoded together depends on the batch and on its texts alone, so that the same plan
    gives the same texts, whichever batches were done before.
    """

    def __init__(
        self,
        model: Model,
        settings: EngineSettings,
        sampling: Sampling,
        grammars: Mapping[str, str | None],
    ) -> None:
        """`grammars` holds the GBNF of each question that has one.

        Raises ModelError where llama.cpp cannot read one of them.
        """
        for gbnf in dict.fromkeys(gbnf for gbnf in grammars.values() if gbnf is not None):
            llama_cpp.llama_sampler_free(grammar.sampler(model, gbnf))
        super().__init__(model, settings)
        self.sampling = sampling
        self.grammars = grammars
        self.n_drawn = 0
        """Tokens drawn so far."""
        self._slots = min(sampling.slots, settings.n_seq_max - 2)
        self._candidates = Candidates(model.n_vocab)
        self._pieces: dict[int, bytes] = {}

    def generate(self, prefix: Tokens, batch: Batch) -> list[Generation]:
        """Texts of a batch's questions, in its order. Decodes the prefix where it is a new one.

        Raises ContextError where a question does not fit, WorkerError where llama.cpp fails,
        ModelError where a grammar comes to an end that no token can go on from.
        """
        room = self.settings.n_ctx - len(prefix) - _PADDING
        for item in batch.items:
            if self._need(item) > room:
                raise ContextError(
                    f"{item.question_id} needs a context of "
                    f"{len(prefix) + _PADDING + self._need(item)} tokens, of which "
                    f"{self.sampling.max_tokens} are for its text; it has {self.settings.n_ctx}."
                )
        self.start_group(prefix)
        waiting, writing = deque(enumerate(batch.items)), list[_Writing]()
        texts: dict[int, Generation] = {}
        try:
            while waiting or writing:
                self._admit(waiting, writing, len(prefix), room)
                self._step(writing)
                for one in tuple(writing):
                    if one.stop is not None:
                        texts[one.index] = self._finish(one, one.stop)
                        writing.remove(one)
        finally:
            for one in writing:
                self._leave(one)
        return [texts[index] for index in range(len(batch.items))]

    def _need(self, item: Item) -> int:
        return len(item.suffix_tokens) + self.sampling.max_tokens

    def _admit(
        self, waiting: deque[tuple[int, Item]], writing: list[_Writing], start: int, room: int
    ) -> None:
        """Questions in order, while a sequence is free and the longest of texts would fit."""
        free = sorted(set(range(1, self._slots + 1)) - {one.sequence for one in writing})
        room -= sum(self._need(one.item) for one in writing)
        for sequence in free:
            if not waiting or self._need(waiting[0][1]) > room:
                break
            index, item = waiting.popleft()
            room -= self._need(item)
            sampler = Sampler(
                self.model,
                self._candidates,
                temperature=self.sampling.temperature,
                seed=seed_of(self.sampling.seed, item.question_id),
                grammar=self.grammars.get(item.question_id),
            )
            writing.append(_Writing(index, item, sequence, sampler, start))
            if start:
                self.share(sequence)

    def _step(self, writing: list[_Writing]) -> None:
        """One more token for each: the last one drawn is decoded, or the whole of a new prompt."""
        wanted = []
        for one in writing:
            tokens = array("i", one.tokens[-1:]) if one.tokens else one.item.suffix_tokens
            wanted += rows(tokens, start=one.position, sequence=one.sequence, n_wanted=1)
            one.position += len(tokens)
        for one, logits in zip(writing, self.decode(wanted), strict=True):
            self._draw(one, logits)

    def _draw(self, one: _Writing, logits: Logits) -> None:
        if not np.isfinite(logits.max()):
            raise self.not_finite(one.item.question_id)
        try:
            token = one.sampler.draw(logits)
        except DeadEndError:
            raise ModelError(
                f"{self.model.path}: no token of its vocabulary goes on in the grammar of "
                f"{one.item.question_id} after {self._text(one)!r}. Change the grammar."
            ) from None
        one.tokens.append(token)
        self.n_drawn += 1
        if self._ends(token):
            one.stop = Stop.EOG
        elif len(one.tokens) >= self.sampling.max_tokens:
            one.stop = Stop.LENGTH

    def _ends(self, token: int) -> bool:
        return bool(llama_cpp.llama_vocab_is_eog(self.model.vocab, token))

    def _finish(self, one: _Writing, stop: Stop) -> Generation:
        self._leave(one)
        return Generation(one.item.question_id, self._text(one), len(one.tokens), stop)

    def _leave(self, one: _Writing) -> None:
        one.sampler.close()
        self.remove(one.sequence)

    def _text(self, one: _Writing) -> str:
        tokens = one.tokens[:-1] if one.stop is Stop.EOG else one.tokens
        return b"".join(map(self._piece, tokens)).decode("utf-8", errors="replace")

    def _piece(self, token: int) -> bytes:
        if token not in self._pieces:
            self._pieces[token] = self.model.piece(token)
        return self._pieces[token]
