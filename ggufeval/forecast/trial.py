"""How fast a model is on this machine, found out on a small part of its plan."""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from ggufeval.forecast.load import Load, Speed, fitted, of_rows
from ggufeval.llama.client import ModelProcess
from ggufeval.readers import Reader, Work
from ggufeval.types import Batch, Group, Pace, Plan, Question, TokenizedPrompt, Tokens

_PROBE = 256
"""Tokens of a first decode, which warms up and tells whether more can be waited for."""
_SHARES = (1 / 2, 5 / 6, 1 / 6)
"""Of the plan's tokens, the shallow ones first: where the groups stand that are tried."""
_MOST_SECONDS = 40.0
"""Of all that is decoded: what would take longer is not begun."""
_ENOUGH = 4
"""Measurements, to two of which the speed can be made to fit exactly."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was found out."""

    speed: Speed
    load_seconds: float
    """From the start of the model's process to its first token."""
    spread: tuple[float, float] | None
    """The least and the most that a batch took, of what the speed says; None: too few to tell."""

    def pace(self, load: Load) -> Pace:
        """As it will be on average over a load."""
        return Pace(load.tokens / self.speed.seconds(load), spread=self.spread)


@dataclass(frozen=True, slots=True)
class _Part:
    """What stands behind one prefix of a plan, and the first batch of it."""

    prefix: Tokens
    batch: Batch
    asked: Sequence[tuple[Question, TokenizedPrompt]]
    load: Load
    """Of all its batches, without the prefix."""


def trial(reader: Reader, path: Path, work: Work) -> Trial | None:
    """Loads the model and decodes some of the plan, at different depths.

    None where texts are written: too few of them tell nothing. Raises as a run does.
    """
    if reader.n_written:
        return None
    the_work, loads = _some(work, leave=not reader.by_text)
    found: list[tuple[Load, float]] = []
    load_seconds = 0.0
    started = time.perf_counter()
    with ModelProcess() as process:
        for answered in reader.answers(process, path, the_work):
            seconds = max(answered.seconds, 1e-9)
            if not answered.position:
                load_seconds = time.perf_counter() - started - seconds
            found.append((loads[answered.position], seconds))
            rate = loads[answered.position].tokens / seconds
            following = sum(load.tokens for load in loads[answered.position + 1 :][:1])
            if sum(s for _, s in found) + following / rate > _MOST_SECONDS:
                break
    return of(found[1:] or found, load_seconds)


def loading(reader: Reader, path: Path, work: Work) -> float:
    """From the start of a model's process to its first token; 0 where texts are written.

    Raises as a run does.
    """
    if reader.n_written:
        return 0.0
    some, _ = _some(work, leave=not reader.by_text)
    probe = replace(
        some,
        plan=Plan(some.plan.groups[:1]),
        questions=some.questions[:1],
        prompts=some.prompts[:1],
    )
    started = time.perf_counter()
    with ModelProcess() as process:
        (answered,) = reader.answers(process, path, probe)
        return time.perf_counter() - started - answered.seconds


def of(measured: Sequence[tuple[Load, float]], load_seconds: float) -> Trial:
    """What loads and the seconds that they took say."""
    speed = fitted(measured)
    ratios = [seconds / speed.seconds(load) for load, seconds in measured]
    spread = (min(ratios), max(ratios)) if len(ratios) >= _ENOUGH else None
    return Trial(speed, load_seconds, spread)


def _some(work: Work, *, leave: bool) -> tuple[Work, list[Load]]:
    """The beginning of a prompt, alone; then of a few groups the prefix with one question, and
    behind it as many questions as are computed at once. What each batch asks comes with it."""
    n_ubatch = work.settings.n_ubatch
    parts = _parts(work, leave=leave)
    first = parts[0].batch.items[0]
    whole = parts[0].prefix + first.suffix_tokens
    probe = Batch((replace(first, suffix_tokens=whole[:_PROBE]),))
    groups, loads = [Group(array("i"), (probe,))], [of_rows(0, probe.n_tokens, n_ubatch)]
    asked = list(parts[0].asked[:1])
    for part in _spread_out(parts):
        n_prefix = len(part.prefix)
        one, *others = part.batch.items
        batches = [Batch((one,))]
        loads.append(
            of_rows(0, n_prefix, n_ubatch) + of_rows(n_prefix, batches[0].n_tokens, n_ubatch)
        )
        if others:
            others[0] = replace(others[0], n_shared=0)  # what it shared with is in another batch
            sizes = accumulate(item.n_tokens for item in others)
            n = max(1, sum(size <= n_ubatch for size in sizes))
            batches.append(Batch(tuple(others[:n])))
            loads.append(of_rows(n_prefix, batches[1].n_tokens, n_ubatch, leave=leave))
        groups.append(Group(part.prefix, tuple(batches)))
        asked += part.asked[: sum(len(batch.items) for batch in batches)]
    the_work = replace(
        work,
        plan=Plan(tuple(groups)),
        questions=tuple(question for question, _ in asked),
        prompts=tuple(prompt for _, prompt in asked),
        done=frozenset(),
        kept=frozenset(),
    )
    return the_work, loads


def _parts(work: Work, *, leave: bool) -> list[_Part]:
    """One for each prefix, since it is decoded once only; questions without one of their own stand
    alone."""
    n_ubatch = work.settings.n_ubatch
    batches = [
        (group.prefix_tokens, batch) for group in work.plan.groups for batch in group.batches
    ]
    asked = work.by_batch
    parts: dict[bytes | int, _Part] = {}
    for position, (prefix, batch) in enumerate(batches):
        key = prefix.tobytes() if len(prefix) > work.plan.n_common else position
        load = of_rows(len(prefix), batch.n_tokens, n_ubatch, leave=leave)
        if key in parts:
            parts[key] = replace(parts[key], load=parts[key].load + load)
        else:
            parts[key] = _Part(prefix, batch, asked[position], load)
    return list(parts.values())


def _spread_out(parts: Sequence[_Part]) -> list[_Part]:
    """One of middling depth, a deep one and a shallow one, each once."""
    by_depth = sorted(parts, key=lambda part: part.load.depth)
    tokens = list(accumulate(part.load.tokens for part in by_depth))
    places = [sum(n < share * tokens[-1] for n in tokens) for share in _SHARES]
    return [by_depth[place] for place in dict.fromkeys(places)]
