"""What a quantized level loses, taken apart: by its weights, and by the arithmetic on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ggufeval.stats.differences import difference
from ggufeval.types import Decomposition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.stats.sample import Answers, Sample
    from ggufeval.types import Run


def decompositions(
    runs: Sequence[Run], answers: Sequence[Answers], sample: Sample, *, level: float = 0.95
) -> tuple[Decomposition, ...]:
    """One for each pair of candidates of which one is the other's weights, written out.

    Runs and their answers come with the reference first. With the accuracies R of the reference,
    Q of the level and D of its weights written out, Q - R = (D - R) + (Q - D): the loss in all is
    that of the weights and that of the arithmetic. Each has a paired interval of the given level
    by itself (see `paired.mover`); the intervals do not add up.
    """
    reference = answers[0]
    candidates = list(zip(runs, answers, strict=True))[1:]
    return tuple(
        Decomposition(
            run_id=run.id,
            dequantized_id=written.id,
            total=difference(reference, theirs, sample, level=level),
            weights=difference(reference, of_weights, sample, level=level),
            arithmetic=difference(of_weights, theirs, sample, level=level),
        )
        for run, theirs in candidates
        for written, of_weights in candidates
        if written.model.dequantized_from == run.model.sha256
    )
