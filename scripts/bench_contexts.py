"""How much does a context's speed depend on where its memory happens to lie?

    python scripts/bench_contexts.py MODEL.gguf [--contexts 8] [--depth 831]

Contexts one after the other in one process, with the same settings. In each a prompt of `--depth`
tokens, and behind it 512 more three times over. Prints the tokens per second of these.
"""

from __future__ import annotations

import argparse
from array import array
from pathlib import Path

from ggufeval.llama import capi
from ggufeval.llama.decoder import Decoder, rows
from ggufeval.llama.model import Model
from ggufeval.runner import physical_cores
from ggufeval.types import EngineSettings

PROMPT_TOKENS = 512
TIMES = 3


def speeds(model: Model, settings: EngineSettings, depth: int) -> list[float]:
    """Of one context, in tokens per second."""
    prompt = array("i", range(1000, 1000 + PROMPT_TOKENS))
    found = []
    with Decoder(model, settings) as decoder:
        decoder.start_group(array("i", [100] * depth))
        for _ in range(TIMES):
            decoder.share(1)
            before = decoder.decode_seconds
            for _ in decoder.decode(rows(prompt, start=depth, sequence=1, n_wanted=1)):
                pass
            found.append(PROMPT_TOKENS / (decoder.decode_seconds - before))
            decoder.remove(1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--contexts", type=int, default=8)
    parser.add_argument("--depth", type=int, default=831)
    options = parser.parse_args()
    capi.start()
    n_ctx = options.depth + 4096
    settings = EngineSettings(n_ctx, 2048, PROMPT_TOKENS, 22, physical_cores(), 0, "auto")
    with Model(options.model) as model:
        for i in range(options.contexts):
            found = speeds(model, settings, options.depth)
            print(f"context {i + 1}: {' '.join(f'{x:.0f}' for x in found)} tokens/s", flush=True)


if __name__ == "__main__":
    main()
