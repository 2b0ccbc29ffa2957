"""Does a context's speed depend on which one it is, or on when it is asked?

    python scripts/bench_contexts.py MODEL.gguf [--contexts 8] [--rounds 5] [--depth 831]

Contexts with the same settings, all in one process, asked one after the other in each round for
512 tokens behind a prompt of `--depth`. Prints their tokens per second, a line a context and a
column a round, and how far the contexts' medians and the rounds' lie apart.
"""

from __future__ import annotations

import argparse
import statistics
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ggufeval.job import physical_cores
from ggufeval.llama import capi
from ggufeval.llama.decoder import Decoder, rows
from ggufeval.llama.model import Model
from ggufeval.types import EngineSettings

PROMPT_TOKENS = 512


def speed(decoder: Decoder, depth: int) -> float:
    """Tokens per second, of a prompt behind what is shared."""
    prompt = array("i", range(1000, 1000 + PROMPT_TOKENS))
    decoder.share(1)
    before = decoder.decode_seconds
    for _ in decoder.decode(rows(prompt, start=depth, sequence=1, n_wanted=1)):
        pass
    decoder.remove(1)
    return PROMPT_TOKENS / (decoder.decode_seconds - before)


def spread(found: Sequence[Sequence[float]]) -> str:
    """Of the medians."""
    medians = [statistics.median(some) for some in found]
    return f"{min(medians):.0f} to {max(medians):.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--contexts", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--depth", type=int, default=831)
    options = parser.parse_args()
    capi.start()
    n_ctx = options.depth + 2 * PROMPT_TOKENS
    settings = EngineSettings(n_ctx, 2048, PROMPT_TOKENS, 3, physical_cores(), 0, "auto")
    with ExitStack() as stack:
        model = stack.enter_context(Model(options.model))
        decoders = [stack.enter_context(Decoder(model, settings)) for _ in range(options.contexts)]
        for decoder in decoders:
            decoder.start_group(array("i", [100] * options.depth))
        by_round = [
            [speed(decoder, options.depth) for decoder in decoders] for _ in range(options.rounds)
        ]
    by_context = list(zip(*by_round, strict=True))
    for i, found in enumerate(by_context, 1):
        print(f"context {i}: {' '.join(f'{x:4.0f}' for x in found)} tokens/s")
    print(
        f"medians of the contexts {spread(by_context)}, of the rounds {spread(by_round)} tokens/s"
    )


if __name__ == "__main__":
    main()
