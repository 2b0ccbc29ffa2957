"""The settings under which a run fits into memory: how many layers the GPUs take, and what would
fit in place of what does not. Found by simulation, with the weights left where they are.

An estimate must not stop a run: where a simulation fails, it does so in a process of its own, and
nothing is refused or changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ggufeval import memory
from ggufeval.errors import ContextError, GgufevalError
from ggufeval.job import Job, ModelFiles, Options, prepare
from ggufeval.llama.client import ModelProcess
from ggufeval.store import Store
from ggufeval.types import EngineSettings, Memory, QuestionSet

_LEAST_BATCH = 32
_STEP = 256
"""Tokens: llama.cpp rounds a context up to a multiple of it."""


def check(process: ModelProcess, job: Job, options: Options) -> None:
    """Refuse what does not fit, before weights are loaded: ModelError, which says what would.

    `process` is the one that the model will be loaded into, with all that it has already.
    """
    try:
        own = process.resident()
        with ModelProcess() as planner:
            needed = simulated(planner, job, job.work.settings, own)
            room = memory.room(options.memory_limit, planner.free_on_gpus())
    except GgufevalError:
        return
    memory.check(job.info.label, needed, room, lambda: advice(needed, job, options, room))


def simulated(planner: ModelProcess, job: Job, settings: EngineSettings, own: int = 0) -> Memory:
    """What the run will take in a process that has `own` bytes already."""
    needed = planner.memory(Path(job.info.path), settings)
    return replace(needed, process=max(needed.process, own))


def advice(needed: Memory, job: Job, options: Options, room: memory.Room) -> str:
    """Which settings would fit, the nearest to the present ones, and what they would take."""
    with suppress(GgufevalError), ModelProcess() as planner:
        for said, settings in _others(planner, needed, job, options, room):
            other = simulated(planner, job, settings, needed.process)
            if not memory.lacking(other, room):
                return f"{said} it would take {memory.said(other, room)}."
    return "No other -b or -c would make it fit: use a smaller quantization, or " + (
        "a larger --memory-limit." if room.is_limit else "close other programs."
    )


def _others(
    planner: ModelProcess, needed: Memory, job: Job, options: Options, room: memory.Room
) -> Iterator[tuple[str, EngineSettings]]:
    """Settings that take less, the nearest first, and how they are asked for."""
    weights_alone = replace(needed, cache=0, compute=0, gpus={})
    if not memory.lacking(weights_alone, room):
        yield from _less_beside_weights(planner, job, options, room)
    if job.work.settings.repack and needed.allocated:
        yield "With --no-repack", replace(job.work.settings, repack=False)


def _less_beside_weights(
    planner: ModelProcess, job: Job, options: Options, room: memory.Room
) -> Iterator[tuple[str, EngineSettings]]:
    present = job.work.settings
    if present.n_gpu_layers and room.gpus:
        n = _layers(planner, job, room)
        if n not in {present.n_gpu_layers, memory.ALL}:
            present = replace(present, n_gpu_layers=n)
            yield f"With -ngl {n}", present
    for said, smaller in _smaller(job, options):
        with suppress(ContextError):
            settings = job.otherwise(smaller).settings
            if settings.n_ctx < present.n_ctx or settings.n_ubatch < present.n_ubatch:
                yield said, replace(settings, n_gpu_layers=present.n_gpu_layers)


def _smaller(job: Job, options: Options) -> Iterator[tuple[str, Options]]:
    """Smaller batches, and with them contexts; where texts are written, fewer at a time."""
    if job.reader.n_written:
        n_ctx = job.work.settings.n_ctx // 2
        while n_ctx >= _STEP:
            n_ctx = -(-n_ctx // _STEP) * _STEP
            yield f"With -c {n_ctx}", replace(options, n_ctx=n_ctx)
            n_ctx //= 2
        return
    if options.n_ctx is not None:
        options = replace(options, n_ctx=None)
        yield "Without -c", options
    n = 1 << ((options.n_batch - 1).bit_length() - 1)
    while n >= _LEAST_BATCH:
        yield f"With -b {n}", replace(options, n_batch=n, n_ubatch=min(n, options.n_ubatch))
        n //= 2


def with_layers(
    options: Options,
    largest: Callable[[], ModelFiles],
    questions: QuestionSet,
    store: Store | None,
) -> Options:
    """The options with a number of layers, where it is not given: as many of the largest model's as
    fit on the GPUs that are free now, or as its earlier run had, which is so found again."""
    if options.n_gpu_layers is not None:
        return options
    with suppress(GgufevalError), ModelProcess() as process:
        if not process.machine().supports_gpu_offload:
            return replace(options, n_gpu_layers=0)
        job = prepare(process, largest(), questions, options)
        n_layers = _earlier(job, store, options) if store and not options.force else None
        if n_layers is None:
            n_layers = _layers(process, job, memory.room(gpus=process.free_on_gpus()))
        return replace(options, n_gpu_layers=n_layers)
    return options


def _layers(planner: ModelProcess, job: Job, room: memory.Room) -> int:
    path, settings = Path(job.info.path), job.work.settings
    return memory.layers_that_fit(
        lambda n: planner.memory(path, replace(settings, n_gpu_layers=n)),
        planner.details([path]).n_layers,
        room.gpus,
    )


def _earlier(job: Job, store: Store, options: Options) -> int | None:
    """The layers of the newest run that differs from this one in nothing else, but for what will
    be tuned."""
    for run in store.runs():
        was = run.fingerprint.engine
        engine = replace(job.fingerprint.engine, n_gpu_layers=was.n_gpu_layers)
        if options.tune:
            engine = replace(
                engine, n_ubatch=was.n_ubatch, n_threads=was.n_threads, repack=was.repack
            )
        if run.fingerprint == replace(job.fingerprint, engine=engine):
            return was.n_gpu_layers
    return None
