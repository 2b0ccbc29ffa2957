"""What a run is made of before it begins: questions -> prompts -> tokens -> plan, and the
conditions under which they will be answered."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from ggufeval import permute, plan, readers
from ggufeval.errors import ContextError, UsageError
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.worker import Machine
from ggufeval.readers import Reader, Work
from ggufeval.types import (
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Plan,
    Prompts,
    Question,
    QuestionSet,
    TokenizedPrompt,
)

_SAME_TEXT = 200
"""Characters: questions whose stems begin with so many equal ones are about one text."""
TEMPLATE_SECONDS = 60.0
"""Time for a chat template to render 1,000 prompts, and for each further 1,000."""

_GOLDEN = (5**0.5 - 1) / 2


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
    """None: as many as fit (`fit.with_layers`); where nobody has looked, all. 0 where the build
    cannot offload."""
    flash_attn: str = "auto"
    repack: bool = True
    kld: int = 0
    """At so many questions' answers the probabilities of all tokens are kept. Changes no logit,
    and so is no part of the fingerprint."""
    tune: bool = False
    """Try out what -ub, -t and layout of weights are the fastest: `tuning.tuned`."""
    force: bool = False
    memory_limit: int | None = None
    """Bytes that the model's process may have in memory; None: what the machine has. Changes no
    logit."""
    command: str = ""

    def reader(self) -> Reader:
        """Raises UsageError for what does not go together."""
        if self.kld and self.read != "letter":
            raise UsageError(
                f"--kld {self.kld} keeps the probabilities of all tokens where a letter is read: "
                f"--read letter was expected, found {self.read}. Leave out one of the two."
            )
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


def physical_cores() -> int:
    """Physical cores that this process may use; hyperthreads only get in each other's way."""
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(psutil.cpu_count(logical=False) or usable or 1, usable or 1))


@dataclass(frozen=True, slots=True)
class Job:
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
    prompts: Prompts

    def otherwise(self, options: Options) -> Work:
        """The same questions under another -b, -ub, -c or -ngl. Raises ContextError."""
        subjects = (question.subject for question in self.work.questions)
        pairs = list(zip(subjects, self.work.prompts, strict=True))
        n_gpu_layers = options.n_gpu_layers
        if n_gpu_layers is None:
            n_gpu_layers = self.work.settings.n_gpu_layers
        the_plan, settings = _planned(
            self.reader, pairs, options, self.questions, self.info, n_gpu_layers
        )
        return replace(self.work, plan=the_plan, settings=settings)

    @property
    def by_batch(self) -> list[tuple[tuple[Question, int], ...]]:
        """What stands in each batch."""
        return plan.by_batch(self.work.plan, self.asked)


def prepare(
    process: ModelProcess, model: ModelFiles, questions: QuestionSet, options: Options
) -> Job:
    """The run of a model over the questions. Only its vocabulary is loaded."""
    reader = options.reader()
    if options.permute and questions.rounds:
        raise UsageError(
            f"--permute {options.permute}: a run that may end early asks each question once. "
            "Leave out one of the two."
        )
    if options.permute and any(question.prompt for question in questions.questions):
        raise UsageError(
            f"--permute {options.permute}: the prompts of {questions.source} are fixed, so their "
            "choices cannot be turned. Leave it out, or use another --prompt."
        )
    info = process.info(model.parts, model.sha256)
    asked = tuple(
        (question, rotation)
        for question in _in_plan_order(questions)
        for rotation in (permute.rotations(question) if options.permute else (0,))
    )
    put = tuple(permute.rotated(question, rotation) for question, rotation in asked)
    reader.check(process, Path(info.path))
    tokenized = _tokenize(process, reader, info, put, questions)
    texts = Prompts.of(
        (question.subject, (question.id, rotation), prompt.text)
        for (question, rotation), prompt in zip(asked, tokenized, strict=True)
    )
    first = tokenized[0]
    texts = replace(texts, shots=questions.shots, faults=first.faults, remarks=first.remarks)
    prompts = tuple(replace(p, text="", faults=(), remarks=()) for p in tokenized)
    subjects = (question.subject for question in put)
    pairs = list(zip(subjects, prompts, strict=True))
    machine = process.machine()
    n_gpu_layers = gpu_layers(machine, options.n_gpu_layers)
    the_plan, settings = _planned(reader, pairs, options, questions, info, n_gpu_layers)
    links = tuple(plan.chain(the_plan))
    fingerprint = Fingerprint(
        model_sha256=info.sha256,
        plan_hash=links[-1],
        questions_sha256=questions.sha256,
        prompt_style=reader.prompt,
        shots=options.shots if reader.style.takes_shots else 0,
        engine=settings,
        build=machine.build,
        permute=options.permute,
        stopping=questions.stopping,
        **asdict(reader.conditions(put)),
    )
    kept = frozenset(question_id for question_id, _ in to_keep(questions, options.kld))
    work = Work(the_plan, settings, put, prompts, kept=kept)
    return Job(info, questions, reader, asked, work, links, fingerprint, texts)


def _planned(  # noqa: PLR0917
    reader: Reader,
    pairs: Sequence[tuple[str, TokenizedPrompt]],
    options: Options,
    questions: QuestionSet,
    info: ModelInfo,
    n_gpu_layers: int,
) -> tuple[Plan, EngineSettings]:
    """The plan, and what the engine needs for it."""
    the_plan = reader.plan(
        pairs,
        budget=options.n_batch,
        n_ctx=options.n_ctx,
        rounds=questions.rounds,
        has_state=info.has_state,
    )
    settings = engine_settings(
        options,
        n_ctx=options.n_ctx or reader.context_size(the_plan),
        n_seq_max=reader.sequences(the_plan),
        n_gpu_layers=n_gpu_layers,
    )
    return the_plan, settings


def engine_settings(
    options: Options, *, n_ctx: int, n_seq_max: int, n_gpu_layers: int
) -> EngineSettings:
    """What the options come to on this machine."""
    return EngineSettings(
        n_ctx=n_ctx,
        n_batch=options.n_batch,
        n_ubatch=options.n_ubatch,
        n_seq_max=n_seq_max,
        n_threads=options.n_threads or physical_cores(),
        n_gpu_layers=n_gpu_layers,
        flash_attn=options.flash_attn,
        repack=options.repack,
    )


def to_keep(questions: QuestionSet, n: int) -> frozenset[tuple[str, int]]:
    """The n records, questions as they are, whose probabilities of all tokens are kept.

    Of questions in one random order the first, since the others may never be asked. Else the
    places i with the smallest fractional parts of i/phi, phi the golden ratio: for every n they lie
    about evenly, with three different gaps at most (Sos, "On the distribution mod 1 of the
    sequence n alpha", 1958), so that subjects are covered as the questions are. More questions are
    the same ones and others.
    """
    asked = questions.questions
    places = list(range(len(asked)))
    if not questions.rounds:
        places.sort(key=lambda i: i * _GOLDEN % 1)
    return frozenset((asked[i].id, 0) for i in places[:n])


def _in_plan_order(questions: QuestionSet) -> Iterator[Question]:
    """Those of a subject together, and among them those on one text, in each round if there are
    rounds; else as they are given."""
    remaining = iter(questions.questions)
    for n in questions.rounds or (len(questions.questions),):
        by_subject: dict[str, dict[str, list[Question]]] = {}
        for question in islice(remaining, n):
            texts = by_subject.setdefault(question.subject, {})
            texts.setdefault(question.stem[:_SAME_TEXT], []).append(question)
        places = {subject: i for i, subject in enumerate(questions.population)}
        for subject in (
            sorted(by_subject, key=places.__getitem__) if questions.rounds else by_subject
        ):
            for together in by_subject[subject].values():
                yield from together


def gpu_layers(machine: Machine, wanted: int | None) -> int:
    """Raises UsageError where layers are wanted on a GPU and the build has none."""
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
