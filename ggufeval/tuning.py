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
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ggufeval.catalog import cache
from ggufeval.errors import UsageError
from ggufeval.job import Job, ModelFiles, Options, physical_cores, prepare
from ggufeval.llama.client import ModelProcess
from ggufeval.readers import Work
from ggufeval.types import EngineSettings, Group, Plan, QuestionSet

_UBATCHES = (512, 256, 1024, 2048)
_GAIN = 1.05
"""What is not faster by so much is not worth another choice than everybody's."""
_MOST_SECONDS = 120.0
"""Of all trials together: what would take longer is not begun."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tuned:
    n_ubatch: int
    n_threads: int
    repack: bool

    def __str__(self) -> str:
        return f"-ub {self.n_ubatch} -t {self.n_threads}{'' if self.repack else ' --no-repack'}"


def tuned(
    options: Options, largest: Callable[[], ModelFiles], questions: QuestionSet, say: Say
) -> Options:
    """The options with what is fastest for the largest of the models, if `options.tune` wants it.

    Raises UsageError where texts are written, whose speed does not depend on it, and what a run
    raises.
    """
    if not options.tune:
        return options
    with ModelProcess() as process:
        job = prepare(process, largest(), questions, options)
    if job.reader.n_written:
        raise UsageError(
            f"--tune tries how fast prompts are read, and --read {job.reader.name} writes texts. "
            "Leave it out."
        )
    key, known = _key(job), _known()
    if key in known:
        found, how = Tuned(**known[key]), "known from an earlier trial"
    else:
        say(f"Tuning: {job.info.label} with other -ub, -t and layout, two minutes at most ...")
        found, how = fastest(job, say), "kept for other runs"
        _keep(known | {key: asdict(found)})
    say(f"Tuned: {found}, {how}.")
    return replace(options, **asdict(found), tune=False)


def fastest(job: Job, say: Say) -> Tuned:
    """What reads the beginning of the plan the fastest; the present choice where none is by 5%."""
    present = job.work.settings
    spent = 0.0
    best, best_speed = present, 0.0
    for settings in _candidates(present):
        work = _some(replace(job.work, settings=settings))
        n_tokens = work.plan.n_tokens
        if best_speed and spent + n_tokens / best_speed > _MOST_SECONDS:
            break
        with ModelProcess() as process:
            (answered,) = job.reader.answers(process, Path(job.info.path), work)
        spent += answered.seconds
        speed = answered.n_tokens / max(answered.seconds, 1e-9)
        say(f"  {_tuned(settings)}: {speed:,.0f} tokens/s")
        if speed > best_speed * (_GAIN if best_speed else 0):
            best, best_speed = settings, speed
    return _tuned(best)


def _tuned(settings: EngineSettings) -> Tuned:
    return Tuned(settings.n_ubatch, settings.n_threads, settings.repack)


def _candidates(present: EngineSettings) -> Iterator[EngineSettings]:
    """The present settings first, then the file's own layout of weights, other sizes, and other
    numbers of threads."""
    yield present
    if present.repack and present.n_gpu_layers >= 0:  # else none is on the processor
        yield replace(present, repack=False)
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


def _key(job: Job) -> str:
    """Of all that the choice may depend on."""
    engine, build = job.work.settings, job.fingerprint.build
    fixed = replace(engine, n_ctx=0, n_seq_max=0)
    facts = (job.info.sha256, asdict(build), asdict(fixed), job.reader.name, job.reader.prompt)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _path() -> Path:
    return cache.cache_folder() / "tuned.json"


def _known() -> dict[str, dict[str, Any]]:
    try:
        known = json.loads(_path().read_text(encoding="utf-8"))
        return {key: asdict(Tuned(**found)) for key, found in known.items() if _is_whole(found)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # nobody tried yet, or it is not ours: tried again


def _is_whole(found: dict[str, Any]) -> bool:
    sizes = (n for name, n in found.items() if name != "repack")
    return isinstance(found.get("repack"), bool) and all(
        isinstance(n, int) and n > 0 for n in sizes
    )


def _keep(known: dict[str, dict[str, Any]]) -> None:
    """Nothing is lost where it cannot be kept: it is tried again."""
    path = _path()
    half = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
        half.replace(path)
