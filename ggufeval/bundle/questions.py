"""The questions of a bundled run, to be asked again: from the bundle, else from where they live."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ggufeval import tasks
from ggufeval.bundle.contents import BundledQuestion, digest_of
from ggufeval.bundle.reading import Study
from ggufeval.errors import DataError
from ggufeval.tasks import rounds
from ggufeval.tasks.meta_rows import NAME as META_ROWS
from ggufeval.types import Question, QuestionSet


def question_set(study: Study, data: Path | None, *, offline: bool) -> QuestionSet:
    """As the run had it, in its order, with its shots. `data` as in `tasks.load`.

    Raises DataError where texts are neither in the bundle nor to be had, or are others by now.
    """
    run, fingerprint = study.bundled.run, study.bundled.run.fingerprint
    asked = _texts(study.questions)
    shots = _by_subject(_texts(study.shots) or ())
    lacks_shots = fingerprint.shots > 0 and not shots
    if asked is None or lacks_shots or run.task == META_ROWS:
        loaded = _loaded(study, data, offline=offline)
        shots = dict(loaded.shots)
        asked = _matching(study, {question.id: question for question in loaded.questions})
    return QuestionSet(
        task=run.task,
        source=run.source,
        questions=asked,
        shots=shots,
        population=run.population,
        design=run.design,
        stopping=fingerprint.stopping,
        rounds=rounds.sizes(fingerprint.stopping, len(asked)),
    )


def _texts(questions: Sequence[BundledQuestion]) -> tuple[Question, ...] | None:
    found = tuple(text for each in questions if (text := each.question) is not None)
    return found if len(found) == len(questions) else None


def _by_subject(questions: Sequence[Question]) -> dict[str, tuple[Question, ...]]:
    groups: dict[str, tuple[Question, ...]] = {}
    for question in questions:
        groups[question.subject] = (*groups.get(question.subject, ()), question)
    return groups


def _loaded(study: Study, data: Path | None, *, offline: bool) -> QuestionSet:
    run = study.bundled.run
    named = run.task if run.task in tasks.task_names() else None
    if data is not None and data.is_file() and run.task != META_ROWS:
        named = None
    if named is None and data is None:
        raise DataError(
            f"the questions of {run.task} are not in the bundle with their text, and no task of "
            f"ggufeval has them. Get {run.source} from whoever has it, and name it with --data."
        )
    return tasks.load(
        named, data, shots=max(study.bundled.run.fingerprint.shots, 0), offline=offline
    )


def _matching(study: Study, known: dict[str, Question]) -> tuple[Question, ...]:
    found = []
    for wanted in study.questions:
        question = known.get(wanted.id)
        if question is None or digest_of(question) != wanted.sha256:
            what = "another text or right answer" if question else "no question of that id"
            raise DataError(
                f"{wanted.id}: the question that was asked has the sha256 {wanted.sha256[:12]}...; "
                f"here there is {what}. Name the very questions with --data."
            )
        found.append(question)
    return tuple(found)
