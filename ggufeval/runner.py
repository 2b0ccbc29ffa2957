"""Drives one run: questions -> plan -> engine -> store. Resumable, with progress.

A run is known by its fingerprint: repeated, it goes on where it stopped, or is found finished.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from ggufeval import answers, memory, plan, prompts
from ggufeval.errors import ContextError, GgufevalError, UsageError
from ggufeval.llama.client import ModelProcess
from ggufeval.store import Store
from ggufeval.types import (
    AnswerForm,
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

READ = "letter"
TEMPLATE_SECONDS = 60.0
"""Time for a chat template to render 1,000 prompts, and for each further 1,000."""
MAX_ITEMS = 128
"""Questions in a batch; llama.cpp keeps at most 256 sequences apart."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can choose about a run. None: chosen here."""

    prompt: str = "mmlu"
    shots: int = 5
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


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on the disk: all its parts in order, and their hash."""

    parts: tuple[Path, ...]
    sha256: str


class Progress(Protocol):
    """Told of a run as it goes."""

    def start(self, run: Run, plan: Plan, n_correct: int) -> None: ...
    def advance(self, n_questions: int, n_correct: int, n_tokens: int) -> None: ...
    def end(self) -> None: ...


class Silent:
    """Progress that nobody watches."""

    def start(self, run: Run, plan: Plan, n_correct: int) -> None: ...
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
    plan: Plan
    links: tuple[str, ...]
    """The plan's hash after each batch."""
    lengths: Mapping[str, int]
    """Question id -> tokens of its whole prompt."""
    forms: tuple[AnswerForm, ...]
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
            _score(process, job, run, store, progress or Silent())
    return store.run(run_id)


def _prepare(
    process: ModelProcess, model: ModelFiles, questions: QuestionSet, options: Options
) -> _Job:
    style = prompts.letter_style(options.prompt)
    info = process.info(model.parts, model.sha256)
    tokenized = _tokenize(process, info, questions, options)
    subjects = (question.subject for question in questions.questions)
    the_plan = plan.make(
        list(zip(subjects, tokenized, strict=True)),
        budget=options.n_batch,
        max_items=MAX_ITEMS,
        n_ctx=options.n_ctx,
    )
    links = tuple(plan.chain(the_plan))
    machine = process.machine()
    n_gpu_layers = options.n_gpu_layers
    if n_gpu_layers is None:
        n_gpu_layers = -1 if machine.supports_gpu_offload else 0
    if n_gpu_layers and not machine.supports_gpu_offload:
        raise UsageError(
            f"-ngl {n_gpu_layers}: this build of llama.cpp cannot offload to a GPU. Leave -ngl "
            "out, or build llama-cpp-python for your GPU (see the README)."
        )
    settings = EngineSettings(
        n_ctx=options.n_ctx or plan.context_size(the_plan),
        n_batch=options.n_batch,
        n_ubatch=options.n_ubatch,
        n_seq_max=plan.sequences(the_plan),
        n_threads=options.n_threads or physical_cores(),
        n_gpu_layers=n_gpu_layers,
        flash_attn=options.flash_attn,
    )
    forms = _forms(style.answer_prefix, questions.questions)
    fingerprint = Fingerprint(
        model_sha256=info.sha256,
        plan_hash=links[-1],
        questions_sha256=questions.sha256,
        prompt_style=options.prompt,
        shots=options.shots,
        read=READ,
        grammar="; ".join(form.grammar for form in forms),
        engine=settings,
        build=machine.build,
    )
    lengths = {prompt.question_id: len(prompt.tokens) for prompt in tokenized}
    return _Job(info, questions, the_plan, links, lengths, forms, fingerprint)


def _tokenize(
    process: ModelProcess, info: ModelInfo, questions: QuestionSet, options: Options
) -> list[TokenizedPrompt]:
    render = partial(prompts.render, options.prompt, questions.questions, questions.shots)
    timeout = TEMPLATE_SECONDS * (1 + len(questions.questions) // 1000)
    template = options.prompt.partition(":")[2] or "its chat template"
    tokenized = process.tokenize(Path(info.path), render, timeout=timeout, template=template)
    longest = max(tokenized, key=lambda prompt: len(prompt.tokens))
    if 0 < info.context_length < len(longest.tokens):
        raise ContextError(
            f"the prompt of {longest.question_id} has {len(longest.tokens)} tokens, and "
            f"{info.label} was trained for {info.context_length}. Nothing is truncated: "
            "use fewer --shots."
        )
    return tokenized


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


def _forms(prefix: str, questions: Sequence[Question]) -> tuple[AnswerForm, ...]:
    """The answers' form for each number of choices that occurs."""
    kinds = sorted({len(question.choices) for question in questions})
    return tuple(answers.letter_form(prefix, k) for k in kinds)


def _new_run(job: _Job, command: str) -> Run:
    return Run(
        id="",
        model=job.info,
        fingerprint=job.fingerprint,
        task=job.questions.task,
        source=job.questions.source,
        design=job.questions.design,
        population=job.questions.population,
        n_questions=job.plan.n_questions,
        n_batches=job.plan.n_batches,
        status=RunStatus.RUNNING,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        n_done=0,
        n_tokens=0,
        seconds=0.0,
        peak_rss_bytes=0,
        command=command,
    )


def _score(process: ModelProcess, job: _Job, run: Run, store: Store, progress: Progress) -> None:
    questions = {question.id: question for question in job.questions.questions}
    done = frozenset(store.done_batches(run.id))
    settings = job.fingerprint.engine
    n_correct = sum(record.correct for record in store.result(run.id).records) if done else 0
    progress.start(run, job.plan, n_correct)
    try:
        path = Path(job.info.path)
        for batch in process.score(path, settings, job.forms, job.plan, done):
            records = [
                answers.read_letter(
                    scores,
                    questions[scores.question_id],
                    run_id=run.id,
                    n_tokens=job.lengths[scores.question_id],
                )
                for scores in batch.scores
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
