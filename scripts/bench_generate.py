"""How much faster do sequences generate together than one at a time?

    python scripts/bench_generate.py MODEL.gguf [--slots 16] [--tokens 64] [--rounds 5]

Prints generated tokens per second in the decode phase, prompts aside, drawing included: of one
sequence at a time as we decode it (a row of padding beside the one that counts), of one at a time
without padding, and of all slots at once. In one process, in turns; the median of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

from ggufeval import plan, runner, tasks
from ggufeval.llama import capi
from ggufeval.llama.generate import Generator, _Writing
from ggufeval.llama.model import Model
from ggufeval.types import EngineSettings, Plan, Prompt, Sampling, Span

UNPADDED = 1
"""An n_ubatch of which no batch is one row more than a multiple. llama.cpp keeps its own."""


class Endless(Generator):
    """Writes to the greatest length, and notes the time of all steps but those with prompts."""

    seconds = 0.0
    n_steps_tokens = 0

    def _ends(self, token: int) -> bool:  # noqa: ARG002
        return False

    def _step(self, writing: list[_Writing]) -> None:
        has_prompt = any(not one.tokens for one in writing)
        started = time.perf_counter()
        super()._step(writing)
        if not has_prompt:
            self.seconds += time.perf_counter() - started
            self.n_steps_tokens += len(writing)


def speed(generator: Endless, the_plan: Plan, n_questions: int) -> float:
    """Tokens per second over the first questions."""
    generator.seconds, generator.n_steps_tokens = 0.0, 0
    (group,) = the_plan.groups
    (batch,) = group.batches
    generator.generate(group.prefix_tokens, type(batch)(batch.items[:n_questions]))
    return generator.n_steps_tokens / generator.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=runner.physical_cores())
    options = parser.parse_args()
    questions = tasks.load("sample", None, sample=options.slots, shots=0).questions
    sampling = Sampling(options.temperature, options.tokens, seed=0, slots=options.slots)
    capi.start()
    with Model(options.model) as model:
        prompts = [
            Prompt(q.id, (Span("\n".join((q.stem, *q.choices, "Answer:"))),), ()) for q in questions
        ]
        the_plan = plan.make(
            [("all", prompt) for prompt in model.tokenize_prompts(prompts)],
            budget=1 << 20,
            max_items=options.slots,
            share_prefix=False,
        )
        settings = EngineSettings(
            n_ctx=plan.generation_context_size(the_plan, sampling),
            n_batch=2048,
            n_ubatch=512,
            n_seq_max=plan.generation_sequences(the_plan, sampling),
            n_threads=options.threads,
            n_gpu_layers=0,
            flash_attn="auto",
        )
        with Endless(model, settings, sampling, {}) as generator:
            measure(generator, the_plan, options.slots, options.rounds)


def measure(generator: Endless, the_plan: Plan, slots: int, rounds: int) -> None:
    padded = generator.settings
    unpadded = replace(padded, n_ubatch=UNPADDED)
    speed(generator, the_plan, slots)  # warm
    alone, bare, together = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        alone.append(speed(generator, the_plan, 1))
        generator.settings = unpadded
        bare.append(speed(generator, the_plan, 1))
        generator.settings = padded
        together.append(speed(generator, the_plan, slots))
        print(f"{alone[-1]:8.1f} {bare[-1]:8.1f} {together[-1]:8.1f} tokens/s", flush=True)
    medians = [statistics.median(speeds) for speeds in (alone, bare, together)]
    print(
        f"median of {rounds}: one at a time {medians[0]:.1f} tokens/s, without padding "
        f"{medians[1]:.1f}; {slots} at once {medians[2]:.1f}\n"
        f"ratio {medians[2] / medians[0]:.2f}, to one without padding "
        f"{medians[2] / medians[1]:.2f}"
    )


if __name__ == "__main__":
    main()
