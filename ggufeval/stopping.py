"""A sweep that ends early: each level when it has its verdict, or when its budget is spent.

All levels answer the same questions in the same random order and the same batches, in rounds. The
reference goes as far as the level that needs it most, and waits in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ggufeval import fit, runner, tuning
from ggufeval.errors import GgufevalError, StoreError, UsageError
from ggufeval.llama.client import ModelProcess
from ggufeval.making import Level, Say, files_of
from ggufeval.runner import Session
from ggufeval.stats.alarms import guesses
from ggufeval.stats.sequential import SequentialTest
from ggufeval.store import Store
from ggufeval.sweep import Failure, Outcome, tell_again
from ggufeval.types import ModelInfo, QuestionSet, Run

ENOUGH = 1000
"""Answers of the reference after which it must be better than guessing: else nothing is there
that a level could lose, and hours would go by without anybody being told."""


class Rule(Protocol):
    """When a level is through."""

    def race(
        self, reference: Session, level: Session, questions: QuestionSet, n_candidates: int
    ) -> str:
        """Let both answer as far as need be, and return what there is to say.

        `n_candidates` was fixed before the first question."""


@dataclass(frozen=True, slots=True)
class UntilVerdict:
    """The sequential test of `stats.sequential`, one level at a time against the reference."""

    margin: float
    """In [0, 1): 0.01 is one point."""
    alpha: float

    def race(
        self, reference: Session, level: Session, questions: QuestionSet, n_candidates: int
    ) -> str:
        """Round by round, until there is a verdict or nothing left to ask."""
        keys = [(question.id, 0) for question in questions.questions]
        start = SequentialTest(len(keys), self.margin, n_candidates, self.alpha)
        n = 0
        for size, stop in zip(questions.rounds, level.plan.stops, strict=True):
            n += size
            _ahead(reference, stop)
            level.advance(stop)
            if _guesses(reference, questions):
                return "stopped, since the reference is at chance."
            answered = keys[:n]
            test = start.after([level.correct[k] - reference.correct[k] for k in answered])
            if test.n_stop is not None:
                break
        return f"{test.verdict} after {n:,} of {len(keys):,} questions."


@dataclass(frozen=True, slots=True)
class Budget:
    """The reference answers everything, a level the first round."""

    def race(
        self,
        reference: Session,
        level: Session,
        questions: QuestionSet,
        n_candidates: int,  # noqa: ARG002
    ) -> str:
        _ahead(reference)
        level.advance(level.plan.stops[0])
        return f"{questions.rounds[0]:,} questions asked, as the budget has it."


def sweep(
    the_levels: Sequence[Level],
    questions: QuestionSet,
    store: Store,
    options: runner.Options,
    *,
    rule: Rule,
    reference: str | None = None,
    progress: runner.Progress | None = None,
    say: Say = lambda _: None,
) -> Outcome:
    """Hold each level against the reference, as far as the rule wants it.

    `reference` is a level's label or quantization; None: the one with the most bits a weight. A
    level that fails does not stop the others; a reference that does, does. Raises what keeps the
    reference from its first round, and UsageError where there are not two levels.
    """
    if len(the_levels) < 2:
        raise UsageError(
            "Two levels at least were expected, one of them the reference. Name more in --quants."
        )
    failures: list[Failure] = []
    made = _made(the_levels, options, say, failures)
    if len(made) < 2:
        raise failures[0].error if failures else UsageError("The levels are one file.")
    by_size = sorted(made, key=lambda level: level.info.size_bytes)
    options = fit.with_layers(options, lambda: by_size[-1].files, questions, store)
    options = tuning.tuned(
        options, lambda: [level.files for level in by_size[::-1]], questions, say
    )
    first = _reference(made, reference)
    others = [level for level in made if level is not first]
    runs: list[Run] = []
    number = store.begin_sweep()
    with runner.opened(first.files, questions, store, options, progress) as base:
        tell_again(base, say)
        base.advance(base.plan.stops[0])
        store.add_to_sweep(number, base.run.id)
        for level in others:
            try:
                with runner.opened(level.files, questions, store, options, progress) as one:
                    _check_plan(base, one)
                    tell_again(one, say)
                    said = rule.race(base, one, questions, len(others))
                    one.stop()
                    store.add_to_sweep(number, one.run.id)
                    runs.append(one.run)
                    say(f"{one.run.model.label}: {said}")
            except StoreError:
                raise
            except _ReferenceError as broken:
                failures.append(Failure(first.label, broken.error))
                say(f"{first.label}, the reference, failed: {broken.error}")
                break
            except GgufevalError as error:
                failures.append(Failure(level.label, error))
                say(f"{level.label} failed, the others go on: {error}")
        else:
            base.stop()
    return Outcome((base.run, *runs) if runs else (), tuple(failures))


@dataclass(frozen=True, slots=True)
class _Made:
    label: str
    files: runner.ModelFiles
    info: ModelInfo


def _made(
    the_levels: Sequence[Level],
    options: runner.Options,
    say: Say,
    failures: list[Failure],
) -> list[_Made]:
    """All levels' files, since the one with the most bits is to be known before the first run."""
    made: list[_Made] = []
    for level in the_levels:
        try:
            files = files_of(level, options.n_threads, say)
            same = next((one.label for one in made if one.files.sha256 == files.sha256), "")
            if same:
                say(f"{level.label}: the same file as {same}, and so left out.")
                continue
            with ModelProcess() as process:
                made.append(_Made(level.label, files, process.info(files.parts, files.sha256)))
        except GgufevalError as error:
            failures.append(Failure(level.label, error))
            say(f"{level.label} failed, the others go on: {error}")
    return made


def _reference(made: Sequence[_Made], name: str | None) -> _Made:
    """As `compare` chooses among runs."""
    if name is None:
        return max(made, key=lambda level: level.info.fidelity)
    wanted = name.casefold()
    for level in made:
        if wanted in {level.label.casefold(), level.info.label.casefold()}:
            return level
        if wanted == level.info.level.casefold():
            return level
    raise UsageError(
        f"--reference {name!r}: one of the levels was expected: "
        f"{', '.join(level.label for level in made)}."
    )


def _check_plan(reference: Session, level: Session) -> None:
    names = level.run.fingerprint.differences(reference.run.fingerprint)
    if names:
        raise UsageError(
            f"{level.run.model.label} and {reference.run.model.label} differ in more than the "
            f"model ({', '.join(names)}), so their answers cannot be paired: models of two "
            "families, most likely. Sweep each family by itself."
        )


def _guesses(reference: Session, questions: QuestionSet) -> bool:
    """Whether its first answers, once there are enough, cannot be told from guessing: the same
    ones, whichever level is asked about."""
    first = questions.questions[:ENOUGH]
    right = [reference.correct.get((question.id, 0)) for question in first]
    if None in right:
        return False
    chance = sum(1 / len(question.choices) for question in first) / len(first)
    return guesses(sum(map(bool, right)), len(right), chance)


class _ReferenceError(Exception):
    """What made the reference fail is no level's fault, and ends the sweep."""

    def __init__(self, error: GgufevalError) -> None:
        super().__init__(str(error))
        self.error = error


def _ahead(reference: Session, n_batches: int | None = None) -> None:
    try:
        reference.advance(n_batches)
    except StoreError:
        raise
    except GgufevalError as error:
        raise _ReferenceError(error) from error
