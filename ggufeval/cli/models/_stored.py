"""What on the disk a user means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ggufeval.errors import UsageError

if TYPE_CHECKING:
    from ggufeval.catalog.disk import Stored


def find(names: Sequence[str]) -> list[Stored]:
    """Everything stored that is called `MODEL` or `MODEL:QUANT`.

    Raises UsageError, with the nearest names, where a name means nothing.
    """
    from ggufeval.catalog import disk
    from ggufeval.catalog.entries import nearest

    stored = disk.stored()
    found: dict[Stored, None] = {}
    for name in names:
        model, _, quantization = name.partition(":")
        model = disk.catalogue_name(model)
        chosen = [
            item
            for item in stored
            if item.model.casefold() == model.casefold()
            and quantization.upper() in ("", item.quantization)
        ]
        if not chosen:
            known = [f"{item.model}:{item.quantization}" for item in stored]
            near = nearest(name, known) or known[:5] or ["nothing"]
            raise UsageError(f"{name}: not on this disk. There is {', '.join(near)}.")
        found |= dict.fromkeys(chosen)
    return list(found)
