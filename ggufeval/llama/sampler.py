"""Draws one question's tokens through llama.cpp's samplers, as its own `common_sampler` does.

The token is drawn without the grammar first; only where the grammar refuses it is the grammar
applied to the whole vocabulary and the draw repeated. Both ways have the same distribution, since
a refused draw says nothing about the next, and asking about one token costs next to nothing.
"""

from __future__ import annotations

import ctypes
import hashlib
from typing import Any, Self

import llama_cpp
import numpy as np

from ggufeval.llama import grammar as grammars
from ggufeval.llama import limits
from ggufeval.llama.decoder import Logits
from ggufeval.llama.model import Model

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
_ANY_SEED = 0xFFFFFFFF  # LLAMA_DEFAULT_SEED, which llama.cpp replaces by a random one


def seed_of(seed: int, question_id: str) -> int:
    """The seed of one question's draws. Whoever generates beside it does not matter."""
    digest = hashlib.sha256(f"ggufeval draws 1\n{seed}\n{question_id}".encode()).digest()
    return int.from_bytes(digest[:4], "little") % _ANY_SEED


class DeadEndError(Exception):
    """The grammar admits no token of the vocabulary."""


class Candidates:
    """llama.cpp's array of tokens and logits, one for all questions."""

    def __init__(self, n_vocab: int) -> None:
        self._data = np.zeros(n_vocab, _CANDIDATE)
        self._ids = np.arange(n_vocab, dtype=np.int32)
        self._pointer = self._data.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data))

    def fill(self, logits: Logits) -> Any:  # noqa: ANN401 - a ctypes structure
        self._data["id"] = self._ids  # a sampler may have sorted them
        self._data["logit"] = logits
        return llama_cpp.llama_token_data_array(self._pointer, len(self._ids), -1, False)

    @property
    def best(self) -> int:
        """Where the greatest logit stands, the first one where several are equal."""
        return int(self._data["logit"].argmax())

    def logit(self, at: int) -> float:
        return float(self._data["logit"][at])


class Sampler:
    """Owns one question's chain of samplers. Use as a context manager."""

    def __init__(
        self,
        model: Model,
        candidates: Candidates,
        *,
        temperature: float,
        seed: int,
        grammar: str | None = None,
    ) -> None:
        self._candidates = candidates
        self._grammar = None if grammar is None else grammars.sampler(model, grammar)
        self._chain = None
        if temperature > 0:
            params = llama_cpp.llama_sampler_chain_default_params()
            self._chain = llama_cpp.llama_sampler_chain_init(params)
            for sampler in (
                llama_cpp.llama_sampler_init_temp(temperature),
                llama_cpp.llama_sampler_init_dist(seed),
            ):
                llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def close(self) -> None:
        for handle in (self._grammar, self._chain):
            if handle:
                llama_cpp.llama_sampler_free(handle)
        self._grammar = self._chain = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def draw(self, logits: Logits) -> int:
        """The next token. Raises DeadEndError where the grammar admits none."""
        token = int(logits.argmax()) if self._chain is None else self._draw(logits)
        if self._grammar is None:
            return token
        with limits.patience():
            if not self._admits(token):
                token = self._draw(logits, constrained=True)
            llama_cpp.llama_sampler_accept(self._grammar, token)
        return token

    def _draw(self, logits: Logits, *, constrained: bool = False) -> int:
        array = self._candidates.fill(logits)
        if constrained:
            llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(array))
            if self._candidates.logit(self._candidates.best) == -float("inf"):
                raise DeadEndError
        if self._chain is None:
            return self._candidates.best
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    def _admits(self, token: int) -> bool:
        data = llama_cpp.llama_token_data(token, 1.0, 0.0)
        array = llama_cpp.llama_token_data_array(ctypes.pointer(data), 1, -1, False)
        llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(array))
        return bool(data.logit != -float("inf"))
