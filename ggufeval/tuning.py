"""How many tokens to compute at once, with how many threads, with weights in which layout: tried
out on this machine.

What was found is kept in the cache, for the model's file, the machine, the build of llama.cpp and
the prompt: it takes a minute, and another choice would be another study. All three stand in a run's
fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from ggufeval.catalog import cache
from ggufeval.errors import GgufevalError, UsageError
from ggufeval.job import Job, ModelFiles, Options, physical_cores, prepare
from ggufeval.llama.client import ModelProcess
from ggufeval.readers import Work
from ggufeval.types import BuildInfo, EngineSettings, Group, Plan, QuestionSet

_UBATCHES = (512, 256, 1024, 2048)
_GAIN = 1.05
"""What is not faster by so much is not worth another choice than everybody's."""
_MOST_SECONDS = 120.0
"""Of all trials together, of which layouts have the first half: what would take longer is not
begun."""
_PATIENCE_SECONDS = 5.0
_PROMPTS = (512, 3, _PATIENCE_SECONDS)
"""Tokens of the prompt that a layout of weights is tried with, how often, and the seconds after
which that is enough."""

Say = Callable[[str], None]
Found = dict[str, float]
"""Of a trial, by name: what is kept of it."""


def tuned(
    options: Options,
    models: Callable[[], Sequence[ModelFiles]],
    questions: QuestionSet,
    say: Say,
) -> Options:
    """The options with what is fastest, if `options.tune` wants it: one choice for all models, of
    which the largest comes first.

    The layout of weights is tried on each that has one of its own, since it depends on their types;
    sizes and threads on the largest. Raises UsageError where texts are written, whose speed does
    not depend on it, and what a run of the largest raises.
    """
    if not options.tune or not (found := models()):
        return replace(options, tune=False)
    with ModelProcess() as process:
        job = prepare(process, found[0], questions, options)
    if job.reader.n_written:
        raise UsageError(
            f"--tune tries how fast prompts are read, and --read {job.reader.name} writes texts. "
            "Leave it out."
        )
    trials = _Trials(job.fingerprint.build, say)
    present = job.work.settings
    best = replace(present, repack=_is_repacked(trials, found, present))
    n_ubatch, n_threads = _sizes(trials, job, best)
    best = replace(best, n_ubatch=n_ubatch, n_threads=n_threads)
    repack = "" if best.repack else " --no-repack"
    how = "kept for other runs" if trials.seconds else "known from an earlier trial"
    say(f"Tuned: -ub {best.n_ubatch} -t {best.n_threads}{repack}, {how}.")
    return replace(
        options,
        n_ubatch=best.n_ubatch,
        n_threads=best.n_threads,
        repack=best.repack,
        tune=False,
    )


class _Trials:
    """What earlier ones found, and how long the new ones take."""

    def __init__(self, build: BuildInfo, say: Say) -> None:
        self.say = say
        self._build = asdict(build)
        self._known = _known()
        self._started = 0.0

    @property
    def seconds(self) -> float:
        """Since the first new one began."""
        return time.monotonic() - self._started if self._started else 0.0

    def once(self, facts: Sequence[object], names: set[str], find: Callable[[], Found]) -> Found:
        """What an earlier trial with these facts found, by these names; else what `find` does,
        which is kept unless it is empty."""
        key = hashlib.sha256(json.dumps([self._build, *facts]).encode()).hexdigest()
        if self._known.get(key, {}).keys() == names:
            return self._known[key]
        if not self._started:
            self.say("Tuning: layout of weights, then -ub and -t, two minutes at most ...")
            self._started = time.monotonic()
        if found := find():
            _keep(key, found)
        return found


def _is_repacked(trials: _Trials, models: Sequence[ModelFiles], present: EngineSettings) -> bool:
    """Whether llama.cpp's own layout is to stay: not where all models together are faster with
    weights as they are in their files."""
    own = plain = 0.0
    for model in models:
        with suppress(GgufevalError):  # it fails when its turn comes
            if seconds := _of_layouts(trials, model, present):
                own, plain = own + seconds["own"], plain + seconds["plain"]
    return present.repack and own <= _GAIN * plain


def _of_layouts(trials: _Trials, model: ModelFiles, present: EngineSettings) -> Found:
    """Seconds of a prompt in either layout; none where there is but one, or no time left."""
    settings = replace(present, n_ctx=2 * _PROMPTS[0], n_seq_max=2)
    with ModelProcess() as process:
        info = process.info(model.parts, model.sha256)
        path = Path(info.path)
    two = layouts(path, settings)
    if len(two) == 1:
        return {}

    def find() -> Found:
        if trials.seconds + 2 * _PATIENCE_SECONDS > _MOST_SECONDS / 2:
            return {}
        with ModelProcess() as process:
            own, plain = (
                statistics.median(process.prompt_seconds(path, layout, *_PROMPTS)) for layout in two
            )
        speeds = (f"{_PROMPTS[0] / seconds:,.0f}" for seconds in (own, plain))
        trials.say(f"  {info.label}: {' tokens/s, with --no-repack '.join(speeds)}")
        return {"own": own, "plain": plain}

    return trials.once([model.sha256, asdict(settings)], {"own", "plain"}, find)


def layouts(path: Path, settings: EngineSettings) -> tuple[EngineSettings, ...]:
    """The settings; then, if under them llama.cpp would copy weights into a layout of its own, the
    same without. Where that cannot be told, they alone."""
    with suppress(GgufevalError), ModelProcess() as planner:
        plain = replace(settings, repack=False)
        if planner.memory(path, settings).allocated > planner.memory(path, plain).allocated:
            return settings, plain
    return (settings,)


def _sizes(trials: _Trials, job: Job, present: EngineSettings) -> tuple[int, int]:
    """-ub and -t with which the beginning of the plan is read the fastest; the present ones where
    none are by 5%."""

    def find() -> Found:
        best, best_speed = present, 0.0
        for settings in _candidates(present):
            work = _some(replace(job.work, settings=settings))
            n_tokens = work.plan.n_tokens
            if best_speed and trials.seconds + n_tokens / best_speed > _MOST_SECONDS:
                break
            with ModelProcess() as process:
                (answered,) = job.reader.answers(process, Path(job.info.path), work)
            speed = answered.n_tokens / max(answered.seconds, 1e-9)
            trials.say(f"  -ub {settings.n_ubatch} -t {settings.n_threads}: {speed:,.0f} tokens/s")
            if speed > best_speed * (_GAIN if best_speed else 0):
                best, best_speed = settings, speed
        return {"n_ubatch": best.n_ubatch, "n_threads": best.n_threads}

    fixed = replace(present, n_ctx=0, n_seq_max=0)
    facts = (job.info.sha256, asdict(fixed), job.reader.name, job.reader.prompt)
    found = trials.once(facts, {"n_ubatch", "n_threads"}, find)
    return int(found["n_ubatch"]), int(found["n_threads"])


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


def _path() -> Path:
    return cache.cache_folder() / "tuned.json"


def _known() -> dict[str, Found]:
    try:
        known = json.loads(_path().read_text(encoding="utf-8"))
        return {key: found for key, found in known.items() if _is_whole(found)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # nobody tried yet, or it is not ours: tried again


def _is_whole(found: Found) -> bool:
    return all(type(n) in {int, float} and n > 0 for n in found.values())


def _keep(key: str, found: Found) -> None:
    """Nothing is lost where it cannot be kept: it is tried again."""
    path = _path()
    half = path.with_name(f".{path.name}.{os.getpid()}")
    known = _known() | {key: found}
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
        half.replace(path)
