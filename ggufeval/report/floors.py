"""How many answers flip of themselves, said beside those that a quantization flips."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.report.rows import Row


def floors(found: Sequence[Row]) -> list[str]:
    """The flip floors in a sentence or three, where any is known."""
    known = [f"{row.name} {row.floor}" for row in found if row.floor]
    if not known:
        return []
    text = (
        "Flip floor, the answers of one file that turn right or wrong when only the batches "
        f"change: {', '.join(known)}."
    )
    moves = [
        f"{row.name} {row.score.floor.moved:.3f}"
        for row in found
        if row.score.floor and math.isfinite(row.score.floor.moved)
    ]
    if moves:
        text += f" Logits moved by at most (nats): {', '.join(moves)}."
    if missing := [row.name for row in found if not row.floor]:
        text += f" Not measured: {', '.join(missing)}."
    if len(found) > 1:
        text += " What a level lost and won holds such flips, the reference's and its own."
    return [text]
