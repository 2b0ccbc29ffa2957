"""The original study's ladder of prompt settings, and how a model climbs it."""

from __future__ import annotations

from dataclasses import dataclass

from ggufeval.types.engine import ModelInfo
from ggufeval.types.questions import Design
from ggufeval.types.statistics import Estimate, Score


@dataclass(frozen=True, slots=True)
class StudyFigure:
    """What the study published for a rung, in [0, 1], and what must be said beside it."""

    micro: float
    macro: float | None = None
    caveat: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """A setting of the study: a style, how it was decoded, and the figure it gave."""

    number: int
    style: str
    temperature: float
    """0: always the likeliest token."""
    max_tokens: int
    """0: nothing is generated, one forward pass under the grammar reads the letter."""
    by_letter: bool
    """Whether the grammar lets through a letter, else a choice's text in the style's form."""
    published: StudyFigure | None = None
    otherwise: str = ""
    """The style in its place where a model cannot have it."""


@dataclass(frozen=True, slots=True)
class RungResult:
    """How a model does on a rung, as the study decoded and read it, and under the grammar."""

    rung: Rung
    style: str
    """The style that was used: the rung's, or the one in its place."""
    free: Score | None
    """None where the rung has no free text, or is not available."""
    constrained: Score | None
    """None where the rung is not available."""
    cost: Estimate | None
    """What format cost: constrained minus free, micro, with its paired interval."""
    unavailable: str = ""
    """Why the model cannot have this rung."""

    @property
    def studied(self) -> Score | None:
        """As the study had it, which is under the grammar where nothing is generated."""
        return self.free if self.rung.max_tokens else self.constrained


@dataclass(frozen=True, slots=True)
class Ladder:
    """All rungs of one model over the same questions."""

    model: ModelInfo
    rungs: tuple[RungResult, ...]
    task: str
    source: str
    design: Design
    n_questions: int
    n_population: int
    n_subjects: int
    chance: float
    """Accuracy of guessing: the mean of 1/k."""
