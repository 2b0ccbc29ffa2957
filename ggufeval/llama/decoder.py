"""A context of llama.cpp and what every way of reading does with it: a prefix, rows, logits."""

from __future__ import annotations

import ctypes
import time
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, takewhile
from typing import Self

import llama_cpp
import numpy as np
import numpy.typing as npt

from ggufeval.errors import ModelError, WorkerError
from ggufeval.llama import capi
from ggufeval.llama.model import Model
from ggufeval.llama.prefixes import Prefixes
from ggufeval.types import Batch, EngineSettings, Tokens

_GGML_TYPES = {"f32": 0, "f16": 1, "q8_0": 8}  # ggml.h `ggml_type`, those that a KV cache can have
Row = tuple[int, int, tuple[int, ...], bool]
"""Token, position, sequences that it belongs to, whether its logits are wanted."""
Logits = npt.NDArray[np.float32]


class Decoder:
    """Owns a `llama_context`. Use as a context manager.

    Sequence 0 holds the prefix of the present group, 1 to n-2 whatever a batch asks; the last
    one is for padding. Sequences share the prefix's cells (`llama_memory_seq_cp` in a unified
    cache copies no data), and each is removed whole afterwards, as sliding-window and recurrent
    models want it.
    """

    def __init__(self, model: Model, settings: EngineSettings) -> None:
        self.model = model
        self.settings = settings
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = settings.n_ctx
        params.n_batch = settings.n_batch
        params.n_ubatch = settings.n_ubatch
        params.n_seq_max = settings.n_seq_max
        params.n_outputs_max = settings.n_seq_max  # else as many as n_batch, with room for each
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
        self._batch = llama_cpp.llama_batch_init(settings.n_batch, 0, settings.n_seq_max)
        self._prefix: Tokens | None = None
        self.prefixes = Prefixes(())
        """Those that the work to come will come back to."""
        self.n_common = 0
        """Tokens that all prefixes to come begin with."""
        self.decode_seconds = 0.0
        """Spent in llama_decode so far."""
        self.n_tokens = 0
        """Decoded so far, padding aside."""

    def close(self) -> None:
        self.prefixes.close()
        if self.handle:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self.handle)
            self.handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start_group(self, prefix: Tokens, *, again: bool = False) -> None:
        """Have the prefix in sequence 0, and nothing else anywhere, unless it is there already."""
        if prefix == self._prefix and not again:
            return
        before, self._prefix = self._prefix, None
        if again or before is None or not self._left(before, prefix):
            llama_cpp.llama_memory_clear(self._memory, False)
            if self.prefixes.restore(self.handle, prefix):
                self._prefix = array("i", prefix)
                return
            self._write(prefix[: self.n_common], start=0)
        self._write(prefix[self.n_common :], start=self.n_common)
        self.prefixes.save(self.handle, prefix)
        self._prefix = array("i", prefix)

    def _left(self, before: Tokens, prefix: Tokens) -> bool:
        """Cut sequence 0 down to what both prefixes begin with; whether that is there now.

        It is decoded apart from what follows, so that this changes no bit of it.
        """
        n = self.n_common
        if not n or before[:n] != prefix[:n] or self.prefixes.has(prefix):
            return False
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, 0, n, -1))

    def _write(self, tokens: Tokens, start: int) -> None:
        """Into sequence 0."""
        for _ in self.decode(rows(tokens, start=start, sequence=0)):
            pass

    def share(self, sequence: int, source: int = 0) -> None:
        """Let a sequence begin with all that another one holds."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, sequence, -1, -1)

    def remove(self, sequence: int) -> None:
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def decode(self, rows: Sequence[Row]) -> Iterator[Logits]:
        """Decode in pieces of n_ubatch, and yield the wanted rows of logits, in order.

        A yielded array is llama.cpp's own memory, valid until the next is asked for. A sequence
        that is removed as soon as its logits were read leaves its cells to the next piece: a row
        costs the more the more cells are taken, those of other sequences too.
        """
        # One row alone goes through other kernels, whose result depends on the number of threads.
        settings, last = self.settings, self.settings.n_seq_max - 1
        for piece in pieces(rows, size=settings.n_ubatch, n_wanted=settings.n_seq_max):
            self.n_tokens += len(piece)
            padded = len(piece) == 1
            self._fill([*piece, (piece[-1][0], 0, (last,), False)] if padded else piece)
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
                self.remove(last)

    def _fill(self, rows: Sequence[Row]) -> None:
        batch = self._batch
        batch.n_tokens = len(rows)
        for i, (token, position, sequences, wanted) in enumerate(rows):
            batch.token[i] = token
            batch.pos[i] = position
            batch.n_seq_id[i] = len(sequences)
            for j, sequence in enumerate(sequences):
                batch.seq_id[i][j] = sequence
            batch.logits[i] = wanted

    def _logits(self, row: int) -> Logits:
        pointer = llama_cpp.llama_get_logits_ith(self.handle, row)
        address = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float * self.model.n_vocab))
        return np.frombuffer(address.contents, dtype=np.float32)

    def not_finite(self, question_id: str) -> WorkerError:
        return WorkerError(
            f"{self.model.path}: the logits of {question_id} are not finite: "
            "the file or the build of llama.cpp is broken."
        )


def rows(tokens: Tokens, *, start: int, sequence: int, n_wanted: int = 0) -> list[Row]:
    """One row a token; the logits of the last `n_wanted` are wanted."""
    first = len(tokens) - n_wanted
    return [(token, start + i, (sequence,), i >= first) for i, token in enumerate(tokens)]


def letter_rows(batch: Batch, start: int) -> Iterator[Row]:
    """The rows of a batch's questions, in sequences 1, 2, ...; the last of each is wanted.

    Tokens that a question shares with those before it are there once, in the sequences of all.
    """
    items = batch.items
    for place, item in enumerate(items):
        last = len(item.suffix_tokens) - 1
        behind = accumulate((other.n_shared for other in items[place + 1 :]), min)
        shared = list(takewhile(bool, behind))
        for i in range(item.n_shared, last + 1):
            n = 1 + sum(i < end for end in shared)
            yield (
                item.suffix_tokens[i],
                start + i,
                tuple(range(place + 1, place + 1 + n)),
                i == last,
            )


def pieces(rows: Sequence[Row], *, size: int, n_wanted: int) -> Iterator[Sequence[Row]]:
    """Cut into runs of at most `size` rows, of which at most `n_wanted` are wanted."""
    start = wanted = 0
    for i, row in enumerate(rows):
        if i - start == size or (row[3] and wanted == n_wanted):
            yield rows[start:i]
            start, wanted = i, 0
        wanted += row[3]
    if start < len(rows):
        yield rows[start:]
