"""Prefixes that a plan comes back to: decoded once, their state kept on the disk meanwhile."""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any, Self

import llama_cpp
import numpy as np

from ggufeval.types import Plan, Tokens

_BYTES = ctypes.POINTER(ctypes.c_uint8)
_SEQUENCE = 0
_DISK_BACKED = Path("/var/tmp")  # noqa: S108 - /tmp often lies in memory, which is scarce here
_LEFT_FREE = 1 << 30
"""Bytes of the disk that are not ours to fill: the results have to go somewhere."""


def recurring(plan: Plan, done: Collection[int] = ()) -> frozenset[bytes]:
    """The prefixes, as bytes, that more than one group will begin with."""
    counts: Counter[bytes] = Counter()
    position = 0
    for group in plan.groups:
        positions = range(position, position + len(group.batches))
        position += len(group.batches)
        if group.prefix_tokens and not all(p in done for p in positions):
            counts[group.prefix_tokens.tobytes()] += 1
    return frozenset(prefix for prefix, n in counts.items() if n > 1)


class Prefixes:
    """States of sequence 0 with nothing but a prefix in it. Use as a context manager.

    A state restored gives the logits of one decoded, bit for bit. They lie in a file without a
    name, which is gone when the process is, however it ends. Where there is no room for one it is
    not kept, and the prefix decoded again.
    """

    def __init__(self, wanted: Collection[bytes]) -> None:
        self._wanted = wanted
        self._file: IO[bytes] | None = None
        self._places: dict[bytes, tuple[int, int]] = {}

    def close(self) -> None:
        if self._file:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def save(self, context: Any, prefix: Tokens) -> None:  # noqa: ANN401 - a pointer of llama.cpp
        """Keep the prefix, which sequence 0 of the context holds, if it will be wanted again."""
        key = prefix.tobytes()
        if key not in self._wanted or key in self._places:
            return
        size = int(llama_cpp.llama_state_seq_get_size(context, _SEQUENCE))
        try:
            file = self._opened()
            if shutil.disk_usage(_folder()).free < size + _LEFT_FREE:
                return
            state = np.empty(size, dtype=np.uint8)
            pointer = state.ctypes.data_as(_BYTES)
            written = int(llama_cpp.llama_state_seq_get_data(context, pointer, size, _SEQUENCE))
            start = file.seek(0, 2)
            file.write(state[:written].data)
        except OSError:
            return
        self._places[key] = (start, written)

    def has(self, prefix: Tokens) -> bool:
        return prefix.tobytes() in self._places

    def restore(self, context: Any, prefix: Tokens) -> bool:  # noqa: ANN401
        """Put the prefix into sequence 0 of an empty context; whether it was there."""
        if not (self._file and (place := self._places.get(prefix.tobytes()))):
            return False
        start, size = place
        try:
            self._file.seek(start)
            state = np.frombuffer(self._file.read(size), dtype=np.uint8)
        except OSError:
            return False
        if state.size != size:
            return False
        pointer = state.ctypes.data_as(_BYTES)
        return bool(llama_cpp.llama_state_seq_set_data(context, pointer, size, _SEQUENCE))

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=_folder(), prefix="ggufeval-")  # noqa: SIM115
        return self._file


def _folder() -> str:
    return str(_DISK_BACKED) if _DISK_BACKED.is_dir() else tempfile.gettempdir()
