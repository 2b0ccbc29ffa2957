"""Runs a plan: every token decoded once, one forward pass a question."""

from __future__ import annotations

import ctypes
import time
from array import array
from collections.abc import Iterable, Mapping
from typing import Self

import llama_cpp
import numpy as np
import numpy.typing as npt

from ggufeval.errors import ContextError, ModelError, WorkerError
from ggufeval.llama import capi
from ggufeval.llama.grammar import Admissible
from ggufeval.llama.model import Model
from ggufeval.types import Batch, EngineSettings, Item, LetterScores, Tokens

_GGML_TYPES = {"f32": 0, "f16": 1, "q8_0": 8}  # ggml.h `ggml_type`, those that a KV cache can have
_ROW = tuple[int, int, int, bool]  # token, position, sequence, whether its logits are wanted


class Scorer:
    """Owns a `llama_context`. Use as a context manager.

    Sequence 0 holds the prefix of the present group, 1 to n-2 the questions of a batch; the last
    one is for padding. Sequences share the prefix's cells (`llama_memory_seq_cp` in a unified
    cache copies no data), and each is removed whole afterwards, as sliding-window and recurrent
    models want it.
    """

    def __init__(
        self, model: Model, settings: EngineSettings, admissible: Mapping[int, Admissible]
    ) -> None:
        self.model = model
        self.settings = settings
        self.admissible = admissible
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = settings.n_ctx
        params.n_batch = settings.n_batch
        params.n_ubatch = settings.n_ubatch
        params.n_seq_max = settings.n_seq_max
        params.n_outputs_max = settings.n_seq_max  # one a question; else as many as n_batch
        params.n_threads = params.n_threads_batch = settings.n_threads
        params.flash_attn_type = capi.flash_attn_type(settings.flash_attn)
        params.type_k = _GGML_TYPES[settings.type_k]
        params.type_v = _GGML_TYPES[settings.type_v]
        params.kv_unified = settings.kv_unified
        params.swa_full = settings.swa_full
        params.no_perf = True
        self.handle = llama_cpp.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise ModelError(
                f"{model.path}: llama.cpp cannot make a context of {settings.n_ctx} tokens: "
                f"{capi.last_error()}."
            )
        self._memory = llama_cpp.llama_get_memory(self.handle)
        self._batch = llama_cpp.llama_batch_init(settings.n_batch, 0, 1)
        self._prefix: Tokens | None = None
        self.decode_seconds = 0.0
        """Spent in llama_decode so far."""
        self.n_tokens = 0
        """Decoded so far, padding aside."""

    def close(self) -> None:
        if self.handle:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self.handle)
            self.handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def score(self, prefix: Tokens, batch: Batch) -> list[LetterScores]:
        """Scores of a batch's questions, in its order. Decodes the prefix where it is a new one.

        Raises ContextError where it does not fit, WorkerError where llama.cpp fails.
        """
        if len(prefix) + batch.n_tokens > self.settings.n_ctx:
            raise ContextError(
                f"a batch with {batch.items[0].question_id} needs a context of "
                f"{len(prefix) + batch.n_tokens} tokens; it has {self.settings.n_ctx}."
            )
        if prefix != self._prefix:
            self._start_group(prefix)
        rows: list[_ROW] = []
        for sequence, item in enumerate(batch.items, start=1):
            if prefix:
                llama_cpp.llama_memory_seq_cp(self._memory, 0, sequence, -1, -1)
            rows += _rows(item.suffix_tokens, start=len(prefix), sequence=sequence, want_last=True)
        logits = iter(self._decode(rows))
        scores = [self._letters(item, row) for item, row in zip(batch.items, logits, strict=True)]
        for sequence in range(1, len(batch.items) + 1):
            llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return scores

    def _start_group(self, prefix: Tokens) -> None:
        self._prefix = None
        llama_cpp.llama_memory_clear(self._memory, False)
        for _ in self._decode(_rows(prefix, start=0, sequence=0, want_last=False)):
            pass
        self._prefix = array("i", prefix)

    def _decode(self, rows: list[_ROW]) -> Iterable[npt.NDArray[np.float32]]:
        """Decode in pieces of n_batch, and yield the wanted rows of logits, in order.

        A yielded array is llama.cpp's own memory, valid until the next is asked for.
        """
        # One row alone goes through other kernels, whose result depends on the number of threads.
        # llama.cpp cuts a batch into pieces of n_ubatch, so the last of them may need padding, for
        # which a whole batch leaves room.
        n_batch, n_ubatch = self.settings.n_batch, self.settings.n_ubatch
        size = n_batch - 1 if n_batch % n_ubatch == 1 else n_batch
        for start in range(0, len(rows), size):
            piece = rows[start : start + size]
            self.n_tokens += len(piece)
            padded = len(piece) % n_ubatch == 1
            if padded:
                piece = [*piece, (piece[-1][0], 0, self.settings.n_seq_max - 1, False)]
            self._fill(piece)
            started = time.perf_counter()
            status = llama_cpp.llama_decode(self.handle, self._batch)
            llama_cpp.llama_synchronize(self.handle)  # a GPU answers before it is through
            self.decode_seconds += time.perf_counter() - started
            if status != 0:
                raise WorkerError(
                    f"{self.model.path}: llama_decode failed with status {status} "
                    f"({capi.last_error()})."
                )
            for i, row in enumerate(piece):
                if row[3]:
                    yield self._logits(i)
            if padded:
                llama_cpp.llama_memory_seq_rm(self._memory, self.settings.n_seq_max - 1, -1, -1)

    def _fill(self, rows: list[_ROW]) -> None:
        batch = self._batch
        batch.n_tokens = len(rows)
        for i, (token, position, sequence, wanted) in enumerate(rows):
            batch.token[i] = token
            batch.pos[i] = position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = sequence
            batch.logits[i] = wanted

    def _logits(self, row: int) -> npt.NDArray[np.float32]:
        pointer = llama_cpp.llama_get_logits_ith(self.handle, row)
        address = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float * self.model.n_vocab))
        return np.frombuffer(address.contents, dtype=np.float32)

    def _letters(self, item: Item, logits: npt.NDArray[np.float32]) -> LetterScores:
        top = int(logits.argmax())
        shifted = np.exp(logits - logits[top], dtype=np.float64)
        total = float(shifted.sum())
        if not np.isfinite(total):
            raise WorkerError(
                f"{self.model.path}: the logits of {item.question_id} are not finite: "
                "the file or the build of llama.cpp is broken."
            )
        tokens = self.admissible[item.n_choices]
        return LetterScores(
            question_id=item.question_id,
            logits=tuple(float(logits[list(ids)].max()) for ids in tokens.letters),
            mass=sum(float(shifted[list(ids)].sum()) for ids in tokens.letters) / total,
            logsumexp=float(logits[top]) + float(np.log(total)),
            top_token=top,
            top_logit=float(logits[top]),
            partial_logit=max((float(logits[i]) for i in tokens.partial), default=float("-inf")),
        )


def _rows(tokens: Tokens, *, start: int, sequence: int, want_last: bool) -> list[_ROW]:
    rows = [(token, start + i, sequence, False) for i, token in enumerate(tokens)]
    if want_last:
        rows[-1] = (*rows[-1][:3], True)
    return rows
