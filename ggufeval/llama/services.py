"""The worker's services that run a plan: a model and a context for it, and what each batch gave.

Imported outside the model's process too, for its values: llama.cpp only comes in when called.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from ggufeval.types import (
    AnswerForm,
    Batch,
    ClozeScores,
    EngineSettings,
    Generation,
    LetterScores,
    Plan,
    Sampling,
    Tokens,
)

if TYPE_CHECKING:
    from ggufeval.llama.decoder import Decoder

T = TypeVar("T")


@dataclass(frozen=True)  # not slotted: with a type of its own that fails in Python 3.11
class BatchOf(Generic[T]):
    """What one batch gave, a value a question.

    `n_tokens` are those decoded, of prompts and texts, the prefix included where it was; so are
    `seconds`.
    """

    position: int
    values: tuple[T, ...]
    n_tokens: int
    seconds: float
    decode_seconds: float
    peak_rss_bytes: int
    """The process's, up to here."""


def score(  # noqa: PLR0917 - as they come through the pipe
    path: Path,
    settings: EngineSettings,
    forms: Sequence[AnswerForm],
    plan: Plan,
    done: frozenset[int],
    kept: frozenset[str],
) -> Iterator[BatchOf[LetterScores]]:
    """The scores of each batch that is not done, in the plan's order.

    `forms` are the answers' forms, one for each number of choices in the plan; `kept` the ids of
    questions whose scores hold the whole vocabulary.
    """
    from ggufeval.llama import capi
    from ggufeval.llama.grammar import admissible
    from ggufeval.llama.model import Model
    from ggufeval.llama.scorer import Scorer

    capi.start()
    with Model(path, settings) as model:
        tokens = {len(form.answers): admissible(model, form) for form in forms}
        with Scorer(model, settings, tokens, kept) as scorer:
            yield from _batches(scorer, scorer.score, plan, done)


def generate(  # noqa: PLR0917 - as they come through the pipe
    path: Path,
    settings: EngineSettings,
    sampling: Sampling,
    grammars: Mapping[str, str | None],
    plan: Plan,
    done: frozenset[int],
) -> Iterator[BatchOf[Generation]]:
    """The texts of each batch that is not done, in the plan's order."""
    from ggufeval.llama import capi
    from ggufeval.llama.generate import Generator
    from ggufeval.llama.model import Model

    capi.start()
    with (
        Model(path, settings) as model,
        Generator(model, settings, sampling, grammars) as generator,
    ):
        yield from _batches(generator, generator.generate, plan, done)


def cloze(
    path: Path, settings: EngineSettings, plan: Plan, done: frozenset[int]
) -> Iterator[BatchOf[ClozeScores]]:
    """The likelihoods of each batch that is not done, in the plan's order."""
    from ggufeval.llama import capi
    from ggufeval.llama.cloze import ClozeScorer
    from ggufeval.llama.model import Model

    capi.start()
    with (
        Model(path, settings) as model,
        ClozeScorer(model, settings) as scorer,
    ):
        yield from _batches(scorer, scorer.score, plan, done)


def _batches(
    decoder: Decoder,
    read: Callable[[Tokens, Batch], list[T]],
    plan: Plan,
    done: frozenset[int],
) -> Iterator[BatchOf[T]]:
    """What each batch gave that is not done."""
    from ggufeval.llama.prefixes import Prefixes, recurring

    decoder.prefixes = Prefixes(recurring(plan, done))
    decoder.n_common = plan.n_common
    started = time.perf_counter()
    position = -1
    for group in plan.groups:
        for batch in group.batches:
            position += 1
            if position in done:
                continue
            n_tokens, decode_seconds = decoder.n_tokens, decoder.decode_seconds
            values = tuple(read(group.prefix_tokens, batch))
            now = time.perf_counter()
            yield BatchOf(
                position,
                values,
                decoder.n_tokens - n_tokens,
                now - started,
                decoder.decode_seconds - decode_seconds,
                peak_rss(),
            )
            started = time.perf_counter()  # a stream may have stood still


def resident() -> int:
    """Bytes of this process's resident set."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak_rss() -> int:
    """Bytes of the greatest resident set that this process has had."""
    if sys.platform == "win32":
        import psutil

        peak = int(psutil.Process().memory_info().peak_wset)
    elif sys.platform == "linux":
        # Not rusage's: that begins with the parent's, whose process this was until `exec`.
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
        peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    else:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak = peak if sys.platform == "darwin" else peak * 1024  # kilobytes elsewhere
    return peak
