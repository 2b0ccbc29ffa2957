"""Are several processes with fewer threads each faster than one with all of them?

    python scripts/bench_jobs.py MODEL.gguf... [--jobs 1,2] [--seconds 10] [--rounds 3]

For each number of jobs J: J processes, each on its own cores with its share of the threads, decode
prompts of 512 tokens for a while. Prints the sum of their tokens per second, medians of rounds that
are measured in turns, and the resident memory of all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from array import array
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

PROMPT_TOKENS = 512


def work(
    path: Path, cores: Sequence[int], seconds: float, barrier: Barrier, result: Connection
) -> None:
    """One job: decodes for so many seconds, and sends its tokens per second and its memory."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)  # before OpenMP looks how many there are
    from ggufeval.llama import capi
    from ggufeval.llama.decoder import Decoder, rows
    from ggufeval.llama.model import Model
    from ggufeval.llama.services import peak_rss
    from ggufeval.types import EngineSettings

    capi.start()
    settings = EngineSettings(1024, 512, 512, 3, len(cores), 0, "auto")
    prompt = rows(array("i", range(1000, 1000 + PROMPT_TOKENS)), start=0, sequence=0, n_wanted=1)
    with Model(path) as model, Decoder(model, settings) as decoder:

        def once() -> None:
            decoder.start_group(array("i"), again=True)
            for _ in decoder.decode(prompt):
                pass

        once()  # warm
        barrier.wait()
        started, n = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            once()
            n += PROMPT_TOKENS
        result.send((n / (time.perf_counter() - started), peak_rss()))


def measure(path: Path, n_jobs: int, seconds: float) -> tuple[float, int]:
    """Tokens per second and bytes of all jobs together."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    usable = usable or list(range(os.cpu_count() or 1))
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(n_jobs)
    pipes = [context.Pipe(duplex=False) for _ in range(n_jobs)]
    jobs = [
        context.Process(target=work, args=(path, usable[i::n_jobs], seconds, barrier, theirs))
        for i, (_, theirs) in enumerate(pipes)
    ]
    for job in jobs:
        job.start()
    found = [mine.recv() for mine, _ in pipes]
    for job in jobs:
        job.join()
    return sum(speed for speed, _ in found), sum(size for _, size in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--jobs", default="1,2")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    counts = [int(n) for n in options.jobs.split(",")]
    for path in options.models:
        found = [
            {n: measure(path, n, options.seconds) for n in counts} for _ in range(options.rounds)
        ]
        one = statistics.median(each[counts[0]][0] for each in found)
        for n in counts:
            speed = statistics.median(each[n][0] for each in found)
            size = max(each[n][1] for each in found)
            print(
                f"{path.name}: {n} jobs {speed:6.0f} tokens/s {speed / one:5.2f}x  "
                f"{size / 1e6:.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
