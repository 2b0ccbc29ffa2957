"""Another tool's run made one of ours, and put into the store once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ggufeval.errors import DataError
from ggufeval.imports.log import Log
from ggufeval.imports.matching import Matched, match
from ggufeval.store import Store
from ggufeval.tasks import outline
from ggufeval.types import (
    BuildInfo,
    Design,
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Question,
    QuestionSet,
    Record,
    Run,
    RunStatus,
)

_NO_ENGINE = EngineSettings(0, 0, 0, 0, 0, 0, "")
_NO_BUILD = BuildInfo("", "", "", "", ())
_TASK = "mmlu"


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a log."""

    run: Run
    matched: Matched
    is_new: bool
    replaced: str = ""
    """The id of the run that the same files had been before, paired or named otherwise."""


def known(store: Store) -> list[tuple[Question, ...]]:
    """The questions of our own runs, the newest first, each set once."""
    own = [run for run in store.runs() if not run.fingerprint.tool]
    firsts: dict[str, Run] = {}
    for run in own:
        best = firsts.setdefault(run.fingerprint.questions_sha256, run)
        if run.n_done > best.n_done:
            firsts[run.fingerprint.questions_sha256] = run
    return [store.result(run.id).questions for run in firsts.values()]


def put(
    store: Store, log: Log, known: Iterable[Sequence[Question]], label: str, command: str = ""
) -> Stored:
    """Store a log, its questions paired with the known ones.

    The same files are one run, however often they are imported. Raises DataError where neither the
    log nor `label` names the model.
    """
    if not (label or log.model):
        raise DataError(
            f"{log.source}: the name of the model stands neither there nor in a results file "
            "beside it. Give one: --label NAME."
        )
    matched = match(log.answers, known)
    run, questions, records = _made(log, matched, label or log.model, command)
    same = [
        old
        for old in store.runs()
        if old.fingerprint.tool
        and (old.model.sha256, old.fingerprint.parser) == (run.model.sha256, run.fingerprint.parser)
    ]
    digest = run.fingerprint.digest
    for old in same:
        is_whole = old.status is RunStatus.DONE and old.fingerprint.digest == digest
        if is_whole and old.model.label == (label or old.model.label):
            return Stored(old, matched, is_new=False)
    replaced = ", ".join(old.id for old in same if old.status is RunStatus.DONE)
    for old in same:
        store.delete(old.id)
    run_id = store.begin(run, questions)
    store.add_batch(run_id, 0, run.fingerprint.plan_hash, records, n_tokens=0, seconds=0.0)
    store.finish(run_id)
    return Stored(store.run(run_id), matched, is_new=True, replaced=replaced)


def _made(
    log: Log, matched: Matched, label: str, command: str
) -> tuple[Run, list[Question], list[Record]]:
    order = sorted(
        range(len(log.answers)),
        key=lambda i: (matched.questions[i].subject, log.answers[i].number or 0),
    )
    questions = [matched.questions[i] for i in order]
    records = [replace(log.answers[i].record, question_id=matched.questions[i].id) for i in order]
    sent = hashlib.sha256()
    for name, i in sorted((matched.questions[i].id, i) for i in order):
        sent.update(f"{name} {log.answers[i].sent}\n".encode())
    population = _population(log, questions)
    asked = QuestionSet(_TASK, log.source, tuple(questions), {}, population, Design.FULL)
    fingerprint = Fingerprint(
        model_sha256=log.digest,
        plan_hash=sent.hexdigest(),
        questions_sha256=asked.sha256,
        prompt_style=log.style,
        shots=log.shots,
        read=log.read,
        grammar="",
        engine=_NO_ENGINE,
        build=_NO_BUILD,
        parser=log.parser,
        temperature=log.temperature,
        max_tokens=log.max_tokens,
        tool=log.tool,
    )
    run = Run(
        id="",
        model=ModelInfo(label, "", log.digest, 0, "", 0, "", {}, 0.0, 1.0),
        fingerprint=fingerprint,
        task=_TASK,
        source=log.source,
        design=Design.FULL,
        population=population,
        n_questions=sum(population.values()),
        n_batches=1,
        status=RunStatus.RUNNING,
        created=log.created,
        n_done=0,
        n_tokens=0,
        seconds=0.0,
        peak_rss_bytes=0,
        command=command,
    )
    return run, questions, records


def _population(log: Log, questions: Sequence[Question]) -> dict[str, int]:
    """Subject -> N_k: as the tool says, else as MMLU has it where it is MMLU's, else what is here.

    A tool asks the first n of each subject where it is told to ask fewer: no sample of anything. So
    the rest counts as planned, and a comparison says what is missing.
    """
    found = Counter(question.subject for question in questions)
    ours = {q.subject for q in questions if q.id.startswith("mmlu/test/")}
    sizes = outline.sizes()
    return {
        subject: max(
            n, log.population.get(subject, 0) or (sizes.get(subject, 0) if subject in ours else 0)
        )
        for subject, n in found.items()
    }
