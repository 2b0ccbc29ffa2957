"""The main job: every level of a model over the same questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ggufeval import dequantized, fit, floor, runner, tuning
from ggufeval.errors import GgufevalError, StoreError
from ggufeval.making import Level, Say, at_hand, by_size, files_of, largest
from ggufeval.store import Store
from ggufeval.types import QuestionSet, Run


@dataclass(frozen=True, slots=True)
class Failure:
    label: str
    error: GgufevalError


@dataclass(frozen=True, slots=True)
class Outcome:
    runs: tuple[Run, ...]
    failures: tuple[Failure, ...]


def sweep(
    the_levels: Sequence[Level],
    questions: QuestionSet,
    store: Store,
    options: runner.Options,
    *,
    progress: runner.Progress | None = None,
    say: Say = lambda _: None,
    n_floor: int = 0,
) -> Outcome:
    """Evaluate each level in its turn. One that fails does not stop the others, unless it is the
    store that failed: StoreError. Then measure its flip floor on `n_floor` questions, if any.

    The store remembers the runs as one sweep, in this order, each as soon as it is finished.
    """
    runs: list[Run] = []
    failures: list[Failure] = []
    options = fit.with_layers(options, lambda: largest(the_levels, options, say), questions, store)
    options = tuning.tuned(options, lambda: by_size(the_levels, options, say), questions, say)
    number = store.begin_sweep()
    for level in the_levels:
        try:
            with _evaluated(level, questions, store, options, progress=progress, say=say) as (
                run,
                model,
            ):
                store.add_to_sweep(number, run.id)
                runs.append(run)
                if n_floor and model:
                    floor.measure(
                        model, run, questions, store, options, n=n_floor, progress=progress, say=say
                    )
        except StoreError:
            raise  # no other level could be stored either
        except GgufevalError as error:
            failures.append(Failure(level.label, error))
            if len(the_levels) > 1:
                say(f"{level.label} failed, the others go on: {error}")
    return Outcome(tuple(runs), tuple(failures))


@contextmanager
def _evaluated(
    level: Level,
    questions: QuestionSet,
    store: Store,
    options: runner.Options,
    *,
    progress: runner.Progress | None,
    say: Say,
) -> Iterator[tuple[Run, runner.ModelFiles | None]]:
    """The finished run, and the files for as long as they are there: None where they have gone,
    and the run was found without."""
    if level.written_out:
        origin = files_of(replace(level, written_out=""), options.n_threads, say)
        if run := dequantized.finished(origin, level.written_out, questions, store, options):
            yield run, None
            return
    with at_hand(level, options.n_threads, say) as model:
        with runner.opened(model, questions, store, options, progress) as session:
            tell_again(session, say)
            session.advance()
        yield session.run, model


def tell_again(session: runner.Session, say: Say) -> None:
    """What of a run is stored and yet will be asked again."""
    if session.n_again:
        say(
            f"{session.run.model.label}: {session.n_again:,} answers are there without the "
            "probabilities of all tokens (--kld), and are asked for once more."
        )
