"""How many tokens to compute at once, with how many threads, with weights in which layout: tried
out on this machine.

What was found is kept in the cache, for the model's file, the machine, the build of llama.cpp and
the prompt: it takes some minutes, and another choice would be another study. All three stand in a
run's fingerprint.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from ggufeval import memory
from ggufeval.errors import GgufevalError, UsageError
from ggufeval.job import Job, ModelFiles, Options, physical_cores, prepare
from ggufeval.llama.client import ModelProcess
from ggufeval.readers import Work
from ggufeval.trials import Found, Trials
from ggufeval.types import EngineSettings, Group, Plan, QuestionSet

_UBATCHES = (512, 256, 1024, 2048)
_GAIN = 1.05
"""What is not faster by so much is not worth another choice than everybody's."""
_MOST_SECONDS = 60.0
"""Of the trials of layouts, and again of those of sizes and threads: what would take longer is not
begun."""
_PROMPTS = (512, 3, 5.0)
"""Tokens of the prompt that a layout of weights is tried with, how often, and the seconds after
which that is enough."""
_SPEEDS = {"own", "plain"}
_SIZES = {"n_ubatch", "n_threads"}

Say = Callable[[str], None]


def tuned(
    options: Options,
    models: Callable[[], Sequence[ModelFiles]],
    questions: QuestionSet,
    say: Say,
) -> Options:
    """The options with what is fastest, if `options.tune` wants it: one choice for all models, of
    which the largest comes first.

    The layout of weights is tried on each that has one of its own, since it depends on their types;
    sizes and threads on the largest that can be read. What does not fit into memory, or fails, is
    passed over: it fails when its turn comes. Raises UsageError where texts are written,
    whose speed does not depend on it, and what a run raises if none can be read.
    """
    if not options.tune or not (found := models()):
        return replace(options, tune=False)
    job = _first(found, questions, options)
    if job.reader.n_written:
        raise UsageError(
            f"--tune tries how fast prompts are read, and --read {job.reader.name} writes texts. "
            "Leave it out."
        )
    trials = Trials(job.fingerprint.build, options.memory_limit, say)
    best = job.work.settings
    if best.repack:
        best = replace(best, repack=_stays_repacked(trials, found, best))
    sizes = _sizes(trials, job, best)
    n_ubatch = int(sizes.get("n_ubatch", best.n_ubatch))
    n_threads = int(sizes.get("n_threads", best.n_threads))
    repack = "" if best.repack else " --no-repack"
    say(f"Tuned: -ub {n_ubatch} -t {n_threads}{repack}, {trials.how}.")
    return replace(options, n_ubatch=n_ubatch, n_threads=n_threads, repack=best.repack, tune=False)


def _first(models: Sequence[ModelFiles], questions: QuestionSet, options: Options) -> Job:
    """What the first model that can be read is run from."""
    for model in models[:-1]:
        with suppress(GgufevalError), ModelProcess() as process:
            return prepare(process, model, questions, options)
    with ModelProcess() as process:
        return prepare(process, models[-1], questions, options)


def _stays_repacked(trials: Trials, models: Sequence[ModelFiles], present: EngineSettings) -> bool:
    """Whether llama.cpp's own layout is to stay: not where all models together are faster with
    weights as they are in their files.

    What was found of all together is kept, too: the same command must not choose otherwise, when
    next time there would be time for another model.
    """
    settings = replace(present, n_ctx=2 * _PROMPTS[0], n_seq_max=2)

    def find() -> Found:
        started = time.monotonic()
        found: list[Found] = []
        for model in models:
            spent = time.monotonic() - started
            if found and spent * (len(found) + 1) / len(found) > _MOST_SECONDS:
                trials.say("  no time for the layouts of smaller ones")
                break
            with suppress(GgufevalError):  # it fails when its turn comes
                if seconds := _of_layouts(trials, model, settings):
                    found.append(seconds)
        return {name: sum(seconds[name] for seconds in found) for name in _SPEEDS if found}

    facts = ([model.sha256 for model in models], asdict(settings))
    seconds = trials.once(facts, _SPEEDS, find)
    return not seconds or seconds["own"] <= _GAIN * seconds["plain"]


def _of_layouts(trials: Trials, model: ModelFiles, settings: EngineSettings) -> Found:
    """Seconds of a prompt in either layout; none where there is but one, or no memory for it."""

    def find() -> Found:
        with ModelProcess() as process:
            info = process.info(model.parts, model.sha256)
        path = Path(info.path)
        two = layouts(path, settings)
        if len(two) == 1 or not _fits(path, settings, trials.memory_limit):
            return {}
        trials.begin()
        with ModelProcess() as process:
            own, plain = (
                statistics.median(process.prompt_seconds(path, layout, *_PROMPTS)) for layout in two
            )
        speeds = (f"{_PROMPTS[0] / seconds:,.0f}" for seconds in (own, plain))
        trials.say(f"  {info.label}: {' tokens/s, with --no-repack '.join(speeds)}")
        return {"own": own, "plain": plain}

    return trials.once((model.sha256, asdict(settings)), _SPEEDS, find)


def layouts(path: Path, settings: EngineSettings) -> tuple[EngineSettings, ...]:
    """The settings; then, if under them llama.cpp would copy weights into a layout of its own, the
    same without. Where that cannot be told, they alone."""
    if not settings.repack:
        return (settings,)
    plain = replace(settings, repack=False)
    with suppress(GgufevalError), ModelProcess() as planner:
        if planner.memory(path, settings).allocated > planner.memory(path, plain).allocated:
            return settings, plain
    return (settings,)


def _fits(path: Path, settings: EngineSettings, memory_limit: int | None) -> bool:
    """As `fit.check`; where it cannot be told, a trial will."""
    with suppress(GgufevalError), ModelProcess() as planner:
        room = memory.room(memory_limit, planner.free_on_gpus())
        return not memory.lacking(planner.memory(path, settings), room)
    return True


def _sizes(trials: Trials, job: Job, present: EngineSettings) -> Found:
    """-ub and -t with which the beginning of the plan is read the fastest; the present ones where
    none are by 5%, twice, since a shared machine may be slow for some seconds. None where the model
    cannot be run with any."""

    def find() -> Found:
        trials.begin()
        spent = 0.0
        best, best_speed = present, 0.0
        for settings in _candidates(present):
            n_tokens = _some(replace(job.work, settings=settings)).plan.n_tokens
            if best_speed and spent + n_tokens / best_speed > _MOST_SECONDS:
                break
            if speed := _speed(trials, job, settings):
                spent += n_tokens / speed
            if speed > best_speed * (_GAIN if best_speed else 0):
                best, best_speed = settings, speed
        if best != present:
            again = [_speed(trials, job, settings) for settings in (present, best)]
            best = best if again[1] > _GAIN * again[0] else present
        return {"n_ubatch": best.n_ubatch, "n_threads": best.n_threads} if best_speed else {}

    fixed = replace(present, n_ctx=0, n_seq_max=0)
    how = (job.reader.name, job.reader.prompt, trials.memory_limit)
    facts = (job.info.sha256, asdict(fixed), *how)
    return trials.once(facts, _SIZES, find)


def _speed(trials: Trials, job: Job, settings: EngineSettings) -> float:
    """Tokens per second of a part of the plan; 0 where that fails, or does not fit."""
    path = Path(job.info.path)
    if not _fits(path, settings, trials.memory_limit):
        return 0.0
    try:
        with ModelProcess() as process:
            work = _some(replace(job.work, settings=settings))
            (answered,) = job.reader.answers(process, path, work)
    except GgufevalError:
        return 0.0
    speed = answered.n_tokens / max(answered.seconds, 1e-9)
    trials.say(f"  -ub {settings.n_ubatch} -t {settings.n_threads}: {speed:,.0f} tokens/s")
    return speed


def _candidates(present: EngineSettings) -> Iterator[EngineSettings]:
    """The present settings first, then other sizes, and other numbers of threads."""
    yield present
    for n_ubatch in _UBATCHES:
        if n_ubatch != present.n_ubatch and n_ubatch <= present.n_batch:
            yield replace(present, n_ubatch=n_ubatch)
    usable = os.cpu_count() or 1
    for n_threads in dict.fromkeys((usable, physical_cores() // 2)):
        if n_threads not in {present.n_threads, 0}:
            yield replace(present, n_threads=n_threads)


def _some(work: Work) -> Work:
    """The largest batch of the plan, its prefix with it."""
    batches = [(group, batch) for group in work.plan.groups for batch in group.batches]
    place = max(range(len(batches)), key=lambda i: batches[i][1].n_tokens)
    group, batch = batches[place]
    asked = work.by_batch[place]
    return replace(
        work,
        plan=Plan((Group(group.prefix_tokens, (batch,)),)),
        questions=tuple(question for question, _ in asked),
        prompts=tuple(prompt for _, prompt in asked),
        done=frozenset(),
        kept=frozenset(),
    )
