"""Measures the flip floor: asks a run's questions again in other batches, of the same file.

Other batches are smaller ones in another order, so that a question stands behind other rows. The
answers are stored as a further run, and the store finds the two (`Store.repeat`): a floor is
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
"""Of the draw and of the order; not the one that the questions themselves were drawn with."""

_N_BATCH = 128
"""Tokens in a batch: a question or a few. In another order alone, 40% of the answers of a Q8_0
came out with the same bits."""


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
    if found and found.n_common >= wanted:
        say(_said(run, found, "known"))
        return
    say(f"Flip floor of {run.model.label}: the same file again, in other batches ...")
    again = sampling.shuffled(questions, wanted, _SEED)
    runner.evaluate(model, again, store, _other_batches(options), progress)
    found = store.repeat(store.result(run.id))
    if found:
        say(_said(run, found, "measured"))
    else:
        say(
            f"Flip floor of {run.model.label}: not measured, since no question stands behind "
            "others in its batch. Take more questions a subject."
        )


def _other_batches(options: runner.Options) -> runner.Options:
    n_batch = _N_BATCH if options.n_batch != _N_BATCH else _N_BATCH // 2
    n_ubatch = min(options.n_ubatch, n_batch)
    return replace(options, n_batch=n_batch, n_ubatch=n_ubatch, kld=0, force=False)


def _said(run: Run, found: Repeat, how: str) -> str:
    from ggufeval.stats.floor import floor

    f = floor(found)
    return (
        f"Flip floor of {run.model.label}, {how}: {f.flips:,} of {f.n:,} answers flip when only "
        f"the batches change (run {found.run_id})."
    )
