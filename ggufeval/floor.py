"""Measures the flip floor: asks a run's questions again in other batches, of the same file.

The answers are stored as a further run, and the store finds the two (`Store.repeat`): a floor is
measured once for a file on a machine. The run belongs to no sweep, so nothing compares it unasked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ggufeval import runner
from ggufeval.store import Store
from ggufeval.tasks import sampling
from ggufeval.types import QuestionSet, Repeat, Run

Say = Callable[[str], None]
_SEED = -1
"""Of the draw of questions; not the one that they were drawn by themselves."""
_LEAST = 64
"""Tokens in a batch: with fewer, nearly every question would stand alone."""


def measure(
    model: runner.ModelFiles,
    run: Run,
    questions: QuestionSet,
    store: Store,
    options: runner.Options,
    *,
    n: int,
    progress: runner.Progress | None = None,
    say: Say = lambda _: None,
) -> None:
    """Ask n of the run's questions again (all, where they are fewer), unless that is done.

    `options` are the run's. Interrupted, it goes on when it is repeated. Raises what
    `runner.evaluate` does.
    """
    wanted = min(n, len(questions.questions))
    found = store.repeat(store.result(run.id))
    if found and found.n_questions >= wanted:
        say(_said(run, found, "known"))
        return
    say(f"Flip floor of {run.model.label}: the same file again, in other batches ...")
    drawn = sampling.some(questions, wanted, _SEED)
    runner.evaluate(model, drawn, store, other_batches(options), progress)
    found = store.repeat(store.result(run.id))
    if found:
        say(_said(run, found, "measured"))
    else:
        say(
            f"Flip floor of {run.model.label}: not measured, since with any --batch-size each of "
            "its questions stands in a batch with the same others."
        )


def other_batches(options: runner.Options) -> runner.Options:
    """A quarter of the tokens in a batch, if that is not too few; all else alike."""
    n_batch = max(_LEAST, options.n_batch // 4)
    if n_batch == options.n_batch:
        n_batch *= 2
    n_ubatch = min(options.n_ubatch, n_batch)
    return replace(options, n_batch=n_batch, n_ubatch=n_ubatch, force=False)


def _said(run: Run, found: Repeat, how: str) -> str:
    from ggufeval.stats.floor import floor

    f = floor(found)
    return (
        f"Flip floor of {run.model.label}, {how}: {f.flips:,} of {f.n:,} answers flip when only "
        f"the batches change (run {found.run_id})."
    )
