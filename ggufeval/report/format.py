"""What a report's module must offer to be found: a `FORMAT`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.types import Comparison, RunResult


class Renderer(Protocol):
    """Turns a comparison into text; `ggufeval.report.render` says what the arguments are."""

    def __call__(
        self,
        comparison: Comparison,
        results: Sequence[RunResult] = (),
        stream: TextIO | None = None,
        /,
    ) -> str: ...


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of report."""

    name: str
    """What `--format` takes."""
    suffix: str
    """Of its files, with the dot."""
    render: Renderer
