"""Which runs are compared, and which of them is the reference."""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.errors import UsageError
from ggufeval.store import Store
from ggufeval.types import Run


def choose(store: Store, names: Sequence[str]) -> list[Run]:
    """Runs by id or unique prefix; without names, those of the last sweep or `run`."""
    runs = [store.run(name) for name in names] if names else list(store.latest())
    if empty := [run.id for run in runs if not run.n_done]:
        raise UsageError(f"{', '.join(empty)}: nothing is recorded yet. Repeat its command first.")
    if not runs:
        raise UsageError(f"{store.path} has no run with results yet. Start with `ggufeval sweep`.")
    return runs


def find_reference(runs: Sequence[Run], name: str | None) -> Run:
    """The run that `name` means (see `choose_reference`), or the default where it is not here."""
    try:
        return choose_reference(runs, name)
    except UsageError:
        return choose_reference(runs, None)


def choose_reference(runs: Sequence[Run], name: str | None) -> Run:
    """The run that `name` means: an id's beginning, a label, a quantization.

    Without a name it is the one of the greatest fidelity.
    """
    if name is None:
        return max(runs, key=lambda run: run.model.fidelity)
    wanted = name.casefold()
    for matches in (
        [run for run in runs if wanted in (run.id, run.model.label.casefold())],
        [run for run in runs if wanted == run.model.level.casefold()],
        [run for run in runs if run.id.startswith(wanted)],
    ):
        if len(matches) == 1:
            return matches[0]
    known = ", ".join(f"{run.id} ({run.model.label})" for run in runs)
    raise UsageError(
        f"--reference {name!r}: exactly one of the runs compared was expected, which are {known}. "
        "To compare others, name them (`ggufeval runs` lists all)."
    )


def ordered(runs: Sequence[Run]) -> list[Run]:
    """The most bits a weight first; behind each level its weights, where they were written out."""
    by_bits = sorted(runs, key=lambda run: -run.model.bits_per_weight)
    places: dict[str, int] = {}
    for place, run in enumerate(by_bits):
        places.setdefault(run.model.sha256, place)

    def key(run: Run) -> tuple[int, bool]:
        origin = run.model.dequantized_from
        return places[origin if origin in places else run.model.sha256], origin in places

    return sorted(by_bits, key=key)
