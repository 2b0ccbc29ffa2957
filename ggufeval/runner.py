"""Drives one run: questions -> plan -> engine -> store. Resumable, with progress.

A run is known by its fingerprint: repeated, it goes on where it stopped, or is found finished.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeAlias

from ggufeval import fit, permute
from ggufeval.errors import WorkerError
from ggufeval.job import Job, ModelFiles, Options, physical_cores, prepare
from ggufeval.llama.client import ModelProcess
from ggufeval.readers import Answered
from ggufeval.store import Store
from ggufeval.types import Fingerprint, Plan, Prompts, QuestionSet, Run, RunStatus
from ggufeval.watch import Watch

__all__ = [
    "ModelFiles",
    "Options",
    "Progress",
    "Session",
    "Silent",
    "evaluate",
    "fingerprint",
    "opened",
    "physical_cores",
]


Key: TypeAlias = tuple[str, int]
"""Of a record: the question's id and the rotation of its choices."""


class Progress(Protocol):
    """Told of a run as it goes."""

    def start(self, run: Run, plan: Plan, n_done: int, n_correct: int) -> None:
        """Of the plan's questions, rotations counted."""

    def advance(self, n_questions: int, n_correct: int, n_tokens: int) -> None: ...

    def tell(self, sentence: str) -> None:
        """Of something that a user would want to stop for."""

    def end(self) -> None: ...


class Silent:
    """Progress that nobody watches."""

    def start(self, run: Run, plan: Plan, n_done: int, n_correct: int) -> None: ...
    def advance(self, n_questions: int, n_correct: int, n_tokens: int) -> None: ...
    def tell(self, sentence: str) -> None: ...
    def end(self) -> None: ...


class Session:
    """One run that is ready to begin, or to go on: as far as it is told to. Made by `opened`."""

    def __init__(
        self,
        process: ModelProcess,
        job: Job,
        run: Run,
        store: Store,
        *,
        options: Options,
        progress: Progress,
    ) -> None:
        self._process = process
        self._options = options
        self._job = job
        self._store = store
        self._progress = progress
        self._watch = Watch(job.reader.name)
        self._answers: Iterator[Answered] | None = None
        self._asked = job.by_batch
        self._done = store.done_batches(run.id)
        self._lacking = {(name, 0) for name in job.work.kept} - store.vocabularies(run.id)
        """Records whose probabilities of all tokens are wanted, and not there."""
        self._again = {i for i in self._done if self._lacking.intersection(self.keys(i))}
        """Batches that are stored, but for what their records lack: the same rows once more."""
        self._left_out: frozenset[int] = frozenset()
        """Batches that nobody wants, beside those that are stored."""
        self.run = run
        """As it was when it was opened, or at the end of `advance` or `stop`."""
        self.correct = {
            (r.question_id, r.rotation): r.correct for r in store.result(run.id).records
        }
        """Of the answers so far, each to a question in a rotation of its choices."""

    @property
    def plan(self) -> Plan:
        return self._job.work.plan

    @property
    def links(self) -> tuple[str, ...]:
        """The plan's hash after each batch."""
        return self._job.links

    @property
    def prompts(self) -> Prompts:
        return self._job.prompts

    def keys(self, position: int) -> list[Key]:
        """Of a batch's records, in the order in which they are asked."""
        return [(question.id, rotation) for question, rotation in self._asked[position]]

    @property
    def n_again(self) -> int:
        """Records that `advance` will ask for again: they are stored, but without the
        probabilities of all tokens that are wanted now, of some of them."""
        return sum(len(self._asked[position]) for position in self._again)

    def advance(self, n_batches: int | None = None) -> None:
        """Answer the first `n_batches` of the plan, one of its stops, or all, and store the
        records, a batch at a time. Raises what goes wrong on the way; what is stored stays."""
        goal = self.plan.n_batches if n_batches is None else n_batches
        answered = self._done - self._again
        to_do = {position for position in range(goal) if position not in answered}
        if to_do:
            self._answer(to_do)
        self.run = self._store.run(self.run.id)
        if len(self._done) == self.plan.n_batches and self.run.status is not RunStatus.DONE:
            for _ in self._answers or ():  # the stream's own end
                pass
            self._end(RunStatus.DONE)

    def pick(self, positions: Collection[int]) -> None:
        """Answer these batches of the plan alone, and store them; then it is stopped, or done."""
        self._left_out = frozenset(range(self.plan.n_batches)) - frozenset(positions)
        if to_do := set(positions) - self._done:
            self._answer(to_do)
        whole = len(self._done) == self.plan.n_batches
        self._end(RunStatus.DONE if whole else RunStatus.STOPPED)

    def stop(self) -> None:
        """Leave it where it is, for good: more is not wanted. A finished run stays finished."""
        if self.run.status is not RunStatus.DONE:
            self._end(RunStatus.STOPPED)

    def _end(self, status: RunStatus) -> None:
        self._answers = None
        self._store.finish(self.run.id, status)
        self.run = self._store.run(self.run.id)

    def _answer(self, to_do: set[int]) -> None:
        if self._answers is None:
            fit.check(self._process, self._job, self._options)
            done = (self._done - self._again) | self._left_out
            work = replace(self._job.work, done=frozenset(done))
            self._answers = self._job.reader.answers(self._process, Path(self._job.info.path), work)
        again = {key for position in self._again for key in self.keys(position)}
        right = [correct for key, correct in self.correct.items() if key not in again]
        share = len(right) / max(len(self.correct), 1)
        run = replace(self.run, n_tokens=round(share * self.run.n_tokens))
        self._progress.start(run, self.plan, len(right), sum(right))
        try:
            for sentence in (*self.prompts.faults, *self.prompts.remarks):
                self._progress.tell(sentence)
            for batch in self._answers:
                self._record(batch)
                to_do.discard(batch.position)
                if not to_do:
                    return
        except BaseException:
            self._answers = None
            raise
        finally:
            self._progress.end()
        raise WorkerError(f"{self.run.model.label}: the answers ended before the questions.")

    def _record(self, batch: Answered) -> None:
        asked = self._asked[batch.position]
        records = [
            replace(permute.restored(record, question, rotation), run_id=self.run.id)
            for record, (question, rotation) in zip(batch.records, asked, strict=True)
        ]
        kept = {
            key: floats
            for key, floats in zip(self.keys(batch.position), batch.vocabularies, strict=True)
            if key in self._lacking
        }
        if batch.position in self._again:
            self._store.add_vocabularies(self.run.id, kept)
        else:
            self._store.add_batch(
                self.run.id,
                batch.position,
                self._job.links[batch.position],
                records,
                n_tokens=batch.n_tokens,
                seconds=batch.seconds,
                peak_rss_bytes=batch.peak_rss_bytes,
                vocabularies=kept,
            )
        self._again.discard(batch.position)
        self._done.add(batch.position)
        for record in records:  # of a batch that was asked again, what is stored stays
            self.correct.setdefault((record.question_id, record.rotation), record.correct)
        n_correct = sum(record.correct for record in records)
        self._progress.advance(len(records), n_correct, batch.n_tokens)
        shown = (question for question, _ in asked)
        for sentence in self._watch.see(zip(batch.records, shown, strict=True)):
            self._progress.tell(sentence)


@contextmanager
def opened(
    model: ModelFiles,
    questions: QuestionSet,
    store: Store,
    options: Options,
    progress: Progress | None = None,
) -> Iterator[Session]:
    """The run of a model over the questions, with a process for the model.

    Raises what goes wrong on the way (`ggufeval.errors`).
    """
    with ModelProcess() as process:
        job = prepare(process, model, questions, options)
        run = _new_run(job, options.command)
        run_id = store.begin(run, questions.questions, job.prompts, force=options.force)
        yield Session(
            process, job, store.run(run_id), store, options=options, progress=progress or Silent()
        )


def evaluate(
    model: ModelFiles,
    questions: QuestionSet,
    store: Store,
    options: Options,
    progress: Progress | None = None,
) -> Run:
    """Evaluate a model on all of the questions. Raises as `opened` and `Session.advance`."""
    with opened(model, questions, store, options, progress) as session:
        session.advance()
        return session.run


def fingerprint(model: ModelFiles, questions: QuestionSet, options: Options) -> Fingerprint:
    """What `evaluate` would know its run by. No weights are read."""
    with ModelProcess() as process:
        return prepare(process, model, questions, options).fingerprint


def _new_run(job: Job, command: str) -> Run:
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
