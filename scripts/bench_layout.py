"""Is a file faster in llama.cpp's own layout of the weights, or as they are in the file?

    python scripts/bench_layout.py MODEL.gguf... [--rounds 5]

llama.cpp copies weights of some types into a layout that it has other kernels for (`--no-repack`
leaves them). Both in one process, in turns: the speed of a prompt of 512 tokens, as `llama-bench
-p 512` measures. Prints both medians, the median of the rounds' ratios with the least and the
greatest, and how far the prompt's last logits lie apart at most.
"""

from __future__ import annotations

import argparse
import statistics
from array import array
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from ggufeval.job import physical_cores
from ggufeval.llama import capi
from ggufeval.llama.decoder import Decoder, Logits, rows
from ggufeval.llama.model import Model
from ggufeval.types import EngineSettings

PROMPT_TOKENS = 512


def pass_over(decoder: Decoder) -> tuple[float, Logits]:
    """Tokens per second of the prompt, and the log-probabilities behind it."""
    decoder.start_group(array("i"), again=True)
    before = decoder.decode_seconds
    prompt = rows(array("i", range(1000, 1000 + PROMPT_TOKENS)), start=0, sequence=0, n_wanted=1)
    (logits,) = (found.copy() for found in decoder.decode(prompt))
    greatest = logits.max()
    logits -= greatest + np.log(np.exp(logits - greatest).sum())
    return PROMPT_TOKENS / (decoder.decode_seconds - before), logits


def compare(path: Path, rounds: int) -> None:
    settings = EngineSettings(1024, 512, 512, 3, physical_cores(), 0, "auto")
    speeds: list[tuple[float, ...]] = []
    with ExitStack() as stack:
        decoders = []
        for repack in (True, False):
            engine = replace(settings, repack=repack)
            model = stack.enter_context(Model(path, engine))
            decoders.append(stack.enter_context(Decoder(model, engine)))
        moved = max(abs(np.subtract(*(pass_over(decoder)[1] for decoder in decoders))))
        for i in range(rounds):
            turn = decoders if i % 2 else decoders[::-1]
            found = {id(decoder): pass_over(decoder)[0] for decoder in turn}
            speeds.append(tuple(found[id(decoder)] for decoder in decoders))
    own, plain = (statistics.median(column) for column in zip(*speeds, strict=True))
    ratios = [b / a for a, b in speeds]
    print(
        f"{path.name}: {own:.0f} tokens/s, as in the file {plain:.0f}, "
        f"{statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f}); "
        f"log-probabilities moved by up to {moved:.3f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL.gguf")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    capi.start()
    for path in options.models:
        compare(path, options.rounds)


if __name__ == "__main__":
    main()
