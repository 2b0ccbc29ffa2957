"""One level after the other: is it done already, how long would it take, does it fit?"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ggufeval import fit, memory
from ggufeval.catalog.files import check_gguf, combined_sha256, file_sha256
from ggufeval.errors import GgufevalError, ModelError
from ggufeval.forecast import load, pace
from ggufeval.forecast.files import LevelFile
from ggufeval.forecast.study import Outline, Study
from ggufeval.forecast.trial import loading, trial
from ggufeval.job import Job
from ggufeval.llama.client import ModelProcess
from ggufeval.types import (
    LevelForecast,
    Memory,
    ModelInfo,
    Origin,
    RunStatus,
    Surety,
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What can be known of a level's file now."""

    file: LevelFile
    sha256: str = ""
    info: ModelInfo | None = None
    """Of the file, or of what it would be made from."""
    trouble: str = ""


def level_forecasts(
    study: Study, outline: Outline, family: Sequence[LevelFile]
) -> tuple[LevelForecast, ...]:
    """Of levels that have the outline in common, in their order."""
    known = [_look(study, outline, file) for file in family]
    found = [_found(study, outline, one) for one in known]
    started = time.perf_counter()
    memories = [_memory(outline, one) for one in known]
    if n_simulated := len([one for one in memories if one]):  # a run does it once, too
        seconds = (time.perf_counter() - started) / n_simulated
        outline = replace(outline, seconds=outline.seconds + seconds)
    beside = next(filter(None, memories), None)
    for i, one in enumerate(known):
        found[i] = _fitting(study, outline, found[i], one, simulated=memories[i], beside=beside)
        found[i] = _paced(study, outline, found[i], one)
    fastest_known = next((one for one in found if one.pace), None)
    return tuple(_timed(study, outline, one, fastest_known) for one in found)


def _look(study: Study, outline: Outline, file: LevelFile) -> _Known:
    """Reads headers, and the whole of a file only where it may have been run already."""
    is_here = file.origin is Origin.HERE
    if file.trouble:
        return _Known(file, trouble=file.trouble)
    if not is_here and file.source.lacking is not None:
        return _Known(file, _promised(file))
    parts = file.parts if is_here else file.source.parts
    try:
        for part in parts:
            check_gguf(part)
        with ModelProcess() as process:
            info = process.info(parts)
        if outline.job is None:
            raise ModelError(outline.trouble)
        sha256 = _promised(file)
        if is_here and study.runs and not sha256:
            sha256 = file_sha256(parts[0])
    except GgufevalError as error:
        return _Known(file, trouble=str(error))
    return _Known(file, sha256, info)


def _promised(file: LevelFile) -> str:
    """The hash that the level's file was published with; '' where nobody says."""
    digests = file.source.sha256
    if file.parts != file.source.parts or not (digests and all(digests)):
        return ""
    return combined_sha256(digests)


# --- what is stored ------------------------------------------------------------------------


def _found(study: Study, outline: Outline, known: _Known) -> LevelForecast:
    """With its run, where the database has one."""
    file = known.file
    one = LevelForecast(
        label=file.level.label,
        origin=file.origin,
        base=file.source.label if file.origin is Origin.MADE else "",
        size_bytes=file.size_bytes,
        to_fetch=file.to_fetch,
        n_tokens=outline.n_tokens,
        trouble=known.trouble,
    )
    if outline.job is None or study.store is None or not known.sha256:
        return one
    wanted = replace(outline.job.fingerprint, model_sha256=known.sha256).digest
    run = next((run for run in study.runs if run.fingerprint.digest == wanted), None)
    if run is None or (run.status is RunStatus.DONE and study.options.force):
        return one
    if run.status is RunStatus.DONE:
        return replace(one, run_id=run.id, is_finished=True, n_tokens=0)
    begun = replace(one, run_id=run.id)
    return replace(begun, n_tokens=_left(study, outline.job, _done(study, begun)).tokens)


def _done(study: Study, one: LevelForecast) -> Collection[int]:
    return study.store.done_batches(one.run_id) if study.store and one.run_id else ()


def _left(study: Study, job: Job, done: Collection[int] = ()) -> load.Load:
    leave = not study.setting.reader.by_text
    return load.left(job.work.plan, study.options.n_ubatch, leave=leave, done=done)


# --- memory --------------------------------------------------------------------------------


def _memory(outline: Outline, known: _Known) -> Memory | None:
    """As llama.cpp simulates it; None where the file is not here. An estimate stops nothing."""
    if outline.job is None or known.info is None or known.file.origin is not Origin.HERE:
        return None
    job = replace(outline.job, info=known.info)
    with suppress(GgufevalError), ModelProcess() as process:
        return fit.simulated(process, job, job.work.settings, outline.own_bytes)
    return None


def _fitting(
    study: Study,
    outline: Outline,
    one: LevelForecast,
    known: _Known,
    *,
    simulated: Memory | None,
    beside: Memory | None,
) -> LevelForecast:
    """Where the file is not here, its weights, and what another level has beside its own."""
    needed, surety = simulated, Surety.EXACT
    if needed is None and one.size_bytes is None:
        return one
    if needed is None:
        like = beside if beside and not beside.devices else Memory(0, 0, 0, 0)
        surety = Surety.ABOUT if like is beside else Surety.LEAST
        needed = replace(like, mapped=one.size_bytes or 0, allocated=0, copied=0)
    if surety is Surety.EXACT and study.questions.is_outline:
        surety = Surety.ABOUT
    trouble = one.trouble
    if not one.is_finished:
        try:
            memory.check(
                one.label, needed, study.room, lambda: _advice(study, outline, known, needed)
            )
        except ModelError as error:
            trouble = trouble or str(error)
    total = needed.peak + needed.devices
    return replace(one, memory_bytes=total, memory_surety=surety, trouble=trouble)


def _advice(study: Study, outline: Outline, known: _Known, needed: Memory) -> str:
    if outline.job is None or known.info is None or known.file.origin is not Origin.HERE:
        return "Use a smaller quantization, -c or -b, or close other programs."
    return fit.advice(needed, replace(outline.job, info=known.info), study.options, study.room)


# --- time ----------------------------------------------------------------------------------


def _paced(study: Study, outline: Outline, one: LevelForecast, known: _Known) -> LevelForecast:
    """With the speed of the run that it goes on with, else of an earlier run like it, else of a
    measurement, where its file is here, else of any run. The seconds are those that pass before the
    first token."""
    if one.is_finished or one.trouble:
        return one
    kind, job = _kind(known), outline.job
    n_questions = len(study.questions.questions)
    begun = [run for run in study.runs if run.id == one.run_id]
    found = pace.stored(begun, study.setting, kind) or pace.stored(
        study.runs, study.setting, kind, outline.n_tokens / n_questions
    )
    seconds = outline.seconds
    if job and known.info and known.file.origin is Origin.HERE:
        reader, path = study.setting.reader, known.file.parts[0]
        try:
            if found:
                study.say(f"Loading {one.label}, to see how long that takes ...")
                seconds += loading(reader, path, job.work)
            else:
                study.say(f"Measuring how fast {one.label} is ...")
                if tried := trial(reader, path, job.work):
                    found = tried.pace(_left(study, job, _done(study, one)))
                    seconds += tried.load_seconds
        except GgufevalError as error:
            return replace(one, trouble=str(error))
    return replace(one, pace=found or pace.stored(study.runs, study.setting, kind), seconds=seconds)


def _kind(known: _Known) -> pace.Kind:
    if known.info is None:
        return pace.Kind(known.sha256)
    info, file = known.info, known.file
    quantization = file.level.quantization if file.origin is Origin.MADE else info.quantization
    return pace.Kind(known.sha256, quantization, info.architecture, info.n_params)


def _timed(
    study: Study, outline: Outline, one: LevelForecast, other: LevelForecast | None
) -> LevelForecast:
    """Where nothing is known of its own speed, another level's stands for it, and is named."""
    if one.is_finished:
        return replace(one, seconds=0.0)
    found = one.pace
    if found is None and other is not None and other.pace is not None and not one.trouble:
        found = replace(other.pace, of=other.label, spread=None)
    if found is None:
        return replace(one, seconds=None)
    n: float = one.n_tokens
    if study.setting.reader.n_written:
        n = len(study.questions.questions) * one.n_tokens / max(outline.n_tokens, 1)
    before, seconds = one.seconds or outline.seconds, n / found.per_second
    low, high = found.spread or (1.0, 1.0)
    return replace(
        one,
        pace=found,
        seconds=before + seconds,
        between=(before + low * seconds, before + high * seconds) if found.spread else None,
    )
