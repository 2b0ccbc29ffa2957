"""What a ladder report's module must offer to be found: a `FORMAT`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO, TypeAlias

from ggufeval.types import Ladder

Renderer: TypeAlias = Callable[[Ladder, TextIO | None], str]


@dataclass(frozen=True, slots=True)
class LadderFormat:
    """One kind of report."""

    name: str
    """What `--format` takes."""
    suffix: str
    """Of its files, with the dot."""
    render: Renderer
