"""How fast a level would be on this machine: as it was, or as it is found to be."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ggufeval.llama.client import ModelProcess
from ggufeval.readers import Reader, Work
from ggufeval.types import Batch, BuildInfo, Group, Pace, Plan, Run

_PROBE = 256
"""Tokens of a first decode, which warms up and tells whether whole batches can be waited for."""
_BATCHES = 3
_ENOUGH_SECONDS = 5.0
_MOST_SECONDS = 15.0
"""That a further batch may be expected to take."""
_NEAR = 0.05
"""Two models are of one size, if their numbers of weights differ by no more of it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a speed depends on, the model aside. Equal builds name the same processor."""

    build: BuildInfo
    n_threads: int
    n_gpu_layers: int
    reader: Reader


@dataclass(frozen=True, slots=True)
class Kind:
    """Of which model's speed one would like to know. Empty or 0: not known."""

    sha256: str = ""
    quantization: str = ""
    architecture: str = ""
    n_params: int = 0


def stored(runs: Iterable[Run], setting: Setting, kind: Kind) -> Pace | None:
    """As a run of the same file, else of another one at the same level and size, was.
    `runs` come newest first."""
    alike = [run for run in runs if _is_alike(run, setting)]
    same = [run for run in alike if run.model.sha256 == kind.sha256]
    near = [run for run in alike if _is_near(run, kind)]
    for run in (*same, *near):
        done = run.n_done if setting.reader.n_written else run.n_tokens
        return Pace(done / run.seconds, run.id)
    return None


def _is_alike(run: Run, setting: Setting) -> bool:
    fingerprint, engine = run.fingerprint, run.fingerprint.engine
    wanted = setting.reader.conditions(())
    writes_alike = (
        not setting.reader.n_written
        or (fingerprint.prompt_style, fingerprint.max_tokens)
        == (setting.reader.prompt, wanted.max_tokens)
    )  # fmt: skip
    return (
        run.seconds > 0
        and fingerprint.read == setting.reader.name
        and fingerprint.build == setting.build
        and engine.n_threads == setting.n_threads
        and engine.n_gpu_layers == setting.n_gpu_layers
        and writes_alike
    )


def _is_near(run: Run, kind: Kind) -> bool:
    model = run.model
    return (
        (model.quantization, model.architecture) == (kind.quantization, kind.architecture)
        and abs(model.n_params - kind.n_params) <= _NEAR * kind.n_params
    )  # fmt: skip


def measured(reader: Reader, path: Path, work: Work) -> Pace | None:
    """As it is found to be: loads the model and decodes a few batches of its plan.

    None where texts are written: too few of them tell nothing. Raises as a run does.
    """
    if reader.n_written:
        return None
    some = _some(work)
    sizes = [batch.n_tokens + len(group.prefix_tokens) for group, batch in _batches(some.plan)]
    tokens, seconds, rate = 0, 0.0, 0.0
    with ModelProcess() as process:
        for answered in reader.answers(process, path, some):
            rate = answered.n_tokens / max(answered.seconds, 1e-9)
            if answered.position:
                tokens, seconds = tokens + answered.n_tokens, seconds + answered.seconds
            following = sizes[answered.position + 1 : answered.position + 2]
            if seconds >= _ENOUGH_SECONDS or sum(following) / rate > _MOST_SECONDS:
                break
    return Pace(tokens / seconds if tokens else rate)


def _batches(plan: Plan) -> list[tuple[Group, Batch]]:
    return [(group, batch) for group in plan.groups for batch in group.batches]


def _some(work: Work) -> Work:
    """The beginning of the first prompt, alone, and a few of the plan's batches."""
    batches, asked = _batches(work.plan), work.by_batch
    chosen = sorted({i * len(batches) // _BATCHES for i in range(_BATCHES)})
    group, batch = batches[0]
    whole = group.prefix_tokens + batch.items[0].suffix_tokens
    first = replace(batch.items[0], suffix_tokens=whole[:_PROBE])
    groups = [Group(array("i"), (Batch((first,)),))]
    groups += [Group(batches[i][0].prefix_tokens, (batches[i][1],)) for i in chosen]
    pairs = [asked[0][0], *(pair for i in chosen for pair in asked[i])]
    return Work(
        Plan(tuple(groups)),
        work.settings,
        tuple(question for question, _ in pairs),
        tuple(prompt for _, prompt in pairs),
    )
