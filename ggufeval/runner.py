"""Drives one run: questions -> plan -> engine -> store. Resumable, with progress.

A run is known by its fingerprint: repeated, it goes on where it stopped, or is found finished.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from ggufeval import memory, permute, plan, readers
from ggufeval.errors import ContextError, GgufevalError, UsageError
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.worker import Machine
from ggufeval.readers import Reader, Work
from ggufeval.store import Store
from ggufeval.types import (
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Plan,
    Question,
    QuestionSet,
    Run,
    RunStatus,
    TokenizedPrompt,
)

TEMPLATE_SECONDS = 60.0
"""Time for a chat template to render 1,000 prompts, and for each further 1,000."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can choose about a run. None: chosen here."""

    prompt: str | None = None
    """None: what suits the reading."""
    shots: int = 5
    read: str = "letter"
    """`letter`, `sample` or `cloze`."""
    grammar: str | None = None
    """Of `sample`: `letter`, `choice`, `json`, `none` or a file in GBNF. None: none."""
    temperature: float | None = None
    """Of `sample`. None: 0, the likeliest token."""
    max_tokens: int | None = None
    """Of `sample`. None: 256."""
    seed: int = 0
    """Of the draws of tokens."""
    permute: str = ""
    """`cyclic`: every rotation of the choices."""
    n_ctx: int | None = None
    """None: what the plan needs."""
    n_batch: int = 2048
    n_ubatch: int = 512
    n_threads: int | None = None
    """None: the physical cores."""
    n_gpu_layers: int | None = None
    """None: all where the build can offload, else 0."""
    flash_attn: str = "auto"
    force: bool = False
    command: str = ""

    def reader(self) -> Reader:
        """Raises UsageError for what does not go together."""
        return readers.make(
            self.read,
            self.prompt,
            grammar=self.grammar,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            seed=self.seed,
        )


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on the disk: all its parts in order, and their hash."""

    parts: tuple[Path, ...]
    sha256: str


class Progress(Protocol):
    """Told of a run as it goes."""

    def start(self, run: Run, plan: Plan, n_done: int, n_correct: int) -> None:
        """Of the plan's questions, rotations counted."""

    def advance(self, n_questions: int, n_correct: int, n_tokens: int) -> None: ...
    def end(self) -> None: ...


class Silent:
    """Progress that nobody watches."""

    def start(self, run: Run, plan: Plan, n_done: int, n_correct: int) -> None: ...
    def advance(self, n_questions: int, n_correct: int, n_tokens: int) -> None: ...
    def end(self) -> None: ...


def physical_cores() -> int:
    """Physical cores that this process may use; hyperthreads only get in each other's way."""
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(psutil.cpu_count(logical=False) or usable or 1, usable or 1))


@dataclass(frozen=True, slots=True)
class _Job:
    """A run that is ready to begin."""

    info: ModelInfo
    questions: QuestionSet
    reader: Reader
    asked: tuple[tuple[Question, int], ...]
    """Questions and the rotations in which they are put, in the plan's order."""
    work: Work
    links: tuple[str, ...]
    """The plan's hash after each batch."""
    fingerprint: Fingerprint


def evaluate(
    model: ModelFiles,
    questions: QuestionSet,
    store: Store,
    options: Options,
    progress: Progress | None = None,
) -> Run:
    """Evaluate a model on the questions and store the records, a batch at a time.

    Raises what goes wrong on the way (`ggufeval.errors`); what is stored by then stays.
    """
    with ModelProcess() as process:
        job = _prepare(process, model, questions, options)
        run_id = store.begin(
            _new_run(job, options.command), questions.questions, force=options.force
        )
        run = store.run(run_id)
        if run.status is not RunStatus.DONE:
            _check_memory(job)
            _answer(process, job, run, store, progress or Silent())
    return store.run(run_id)


def preview(
    process: ModelProcess, model: ModelFiles, questions: QuestionSet, options: Options
) -> tuple[Run, Work]:
    """A run that is not begun, and what it would do.

    The vocabulary alone is loaded. Raises as `evaluate` does before it loads weights.
    """
    job = _prepare(process, model, questions, options)
    return _new_run(job, options.command), job.work


def _prepare(
    process: ModelProcess, model: ModelFiles, questions: QuestionSet, options: Options
) -> _Job:
    reader = options.reader()
    if options.permute and any(question.prompt for question in questions.questions):
        raise UsageError(
            f"--permute {options.permute}: the prompts of {questions.source} are fixed, so their "
            "choices cannot be turned. Leave it out, or use another --prompt."
        )
    info = process.info(model.parts, model.sha256)
    asked = tuple(
        (question, rotation)
        for question in questions.questions
        for rotation in (permute.rotations(question) if options.permute else (0,))
    )
    put = tuple(permute.rotated(question, rotation) for question, rotation in asked)
    reader.check(process, Path(info.path))
    prompts = _tokenize(process, reader, info, put, questions)
    subjects = (question.subject for question in put)
    pairs = list(zip(subjects, prompts, strict=True))
    the_plan = reader.plan(pairs, budget=options.n_batch, n_ctx=options.n_ctx)
    links = tuple(plan.chain(the_plan))
    machine = process.machine()
    settings = EngineSettings(
        n_ctx=options.n_ctx or reader.context_size(the_plan),
        n_batch=options.n_batch,
        n_ubatch=options.n_ubatch,
        n_seq_max=reader.sequences(the_plan),
        n_threads=options.n_threads or physical_cores(),
        n_gpu_layers=_gpu_layers(machine, options.n_gpu_layers),
        flash_attn=options.flash_attn,
    )
    fingerprint = Fingerprint(
        model_sha256=info.sha256,
        plan_hash=links[-1],
        questions_sha256=questions.sha256,
        prompt_style=reader.prompt,
        shots=options.shots if reader.style.takes_shots else 0,
        engine=settings,
        build=machine.build,
        permute=options.permute,
        **asdict(reader.conditions(put)),
    )
    work = Work(the_plan, settings, put, prompts)
    return _Job(info, questions, reader, asked, work, links, fingerprint)


def _gpu_layers(machine: Machine, wanted: int | None) -> int:
    if wanted is None:
        return -1 if machine.supports_gpu_offload else 0
    if wanted and not machine.supports_gpu_offload:
        raise UsageError(
            f"-ngl {wanted}: this build of llama.cpp cannot offload to a GPU. Leave -ngl "
            "out, or build llama-cpp-python for your GPU (see the README)."
        )
    return wanted


def _tokenize(
    process: ModelProcess,
    reader: Reader,
    info: ModelInfo,
    put: tuple[Question, ...],
    questions: QuestionSet,
) -> tuple[TokenizedPrompt, ...]:
    tokenized = process.tokenize(
        Path(info.path),
        partial(reader.render, put, questions.shots),
        timeout=TEMPLATE_SECONDS * (1 + len(put) // 1000),
        template=reader.prompt.partition(":")[2] or "its chat template",
        cloze=reader.by_text,
    )
    longest = max(tokenized, key=_length)
    need = _length(longest) + reader.n_written
    if 0 < info.context_length < need:
        texts = f" and {reader.n_written} of its answer" if reader.n_written else ""
        raise ContextError(
            f"the prompt of {longest.question_id} has {_length(longest)} tokens{texts}, and "
            f"{info.label} was trained for {info.context_length}. Nothing is truncated: "
            "use fewer --shots."
        )
    return tuple(tokenized)


def _length(prompt: TokenizedPrompt) -> int:
    """With the longest of the answers that stand behind it, each in a sequence of its own."""
    return len(prompt.tokens) + max((len(one.tokens) for one in prompt.continuations), default=0)


def _check_memory(job: _Job) -> None:
    """Refuse what this machine cannot hold, before weights are loaded.

    An estimate must not stop a run: where it fails, it does so in a process of its own.
    """
    try:
        with ModelProcess() as process:
            needed = process.memory(Path(job.info.path), job.fingerprint.engine)
    except GgufevalError:
        return
    memory.check(job.info.label, needed, memory.here())


def _new_run(job: _Job, command: str) -> Run:
    return Run(
        id="",
        model=job.info,
        fingerprint=job.fingerprint,
        task=job.questions.task,
        source=job.questions.source,
        design=job.questions.design,
        population=job.questions.population,
        n_questions=len(job.questions.questions),
        n_batches=job.work.plan.n_batches,
        status=RunStatus.RUNNING,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        n_done=0,
        n_tokens=0,
        seconds=0.0,
        peak_rss_bytes=0,
        command=command,
    )


def _answer(process: ModelProcess, job: _Job, run: Run, store: Store, progress: Progress) -> None:
    work = replace(job.work, done=frozenset(store.done_batches(run.id)))
    recorded = store.result(run.id).records if work.done else ()
    n_correct = sum(record.correct for record in recorded)
    asked = plan.by_batch(work.plan, job.asked)
    progress.start(run, work.plan, len(recorded), n_correct)
    try:
        for batch in job.reader.answers(process, Path(job.info.path), work):
            records = [
                replace(permute.restored(record, question, rotation), run_id=run.id)
                for record, (question, rotation) in zip(
                    batch.records, asked[batch.position], strict=True
                )
            ]
            store.add_batch(
                run.id,
                batch.position,
                job.links[batch.position],
                records,
                n_tokens=batch.n_tokens,
                seconds=batch.seconds,
            )
            n_correct = sum(record.correct for record in records)
            progress.advance(len(records), n_correct, batch.n_tokens)
        store.finish(run.id, process.peak_rss())
    finally:
        progress.end()
