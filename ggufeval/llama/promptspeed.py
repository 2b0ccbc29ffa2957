"""llama.cpp's own prompt speed, as `llama-bench -p 512` measures it: one sequence, from empty."""

from __future__ import annotations

import time
from array import array
from pathlib import Path

from ggufeval.llama.decoder import Decoder, rows
from ggufeval.llama.model import Model
from ggufeval.types import EngineSettings

_FIRST_TOKEN = 100
"""Behind the control tokens of most vocabularies."""


def seconds(
    path: Path, settings: EngineSettings, n_tokens: int, n_times: int, patience: float
) -> tuple[float, ...]:
    """Of each of `n_times` passes over `n_tokens`; fewer, but one, where they take longer than
    `patience` seconds together. The first pass, which warms up, is left out if others follow."""
    with Model(path, settings) as model, Decoder(model, settings) as decoder:
        n_ids = max(1, model.n_vocab - _FIRST_TOKEN)
        prompt = array("i", (model.n_vocab - n_ids + i % n_ids for i in range(n_tokens)))
        found: list[float] = []
        started = time.perf_counter()
        while len(found) <= n_times and not (found and time.perf_counter() - started > patience):
            decoder.start_group(array("i"), again=True)
            before = decoder.decode_seconds
            for _ in decoder.decode(rows(prompt, start=0, sequence=0, n_wanted=1)):
                pass
            found.append(decoder.decode_seconds - before)
    return tuple(found[1:] or found)
