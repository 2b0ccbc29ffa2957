"""What a sweep would do, before it does any of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ggufeval.types.questions import Design


class Origin(StrEnum):
    """Where the file of a level would come from."""

    HERE = "here"
    FETCHED = "fetched"
    MADE = "made"


class Surety(StrEnum):
    """How much a number is worth."""

    EXACT = "exact"
    """Counted, or computed by llama.cpp itself."""
    ABOUT = "about"
    LEAST = "least"
    """It will be more: a part of it is not known yet."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a level is expected to be."""

    per_second: float
    """Tokens; questions where texts are written, whose length nobody knows."""
    run_id: str = ""
    """The run on this machine that was so fast. Empty, with `of` empty: measured now."""
    of: str = ""
    """The label of another level, of which this is the speed; nothing is known of this one's."""
    spread: tuple[float, float] | None = None
    """The least and the most time that the runs or batches behind it took, of what it says; None:
    too few to tell."""


@dataclass(frozen=True, slots=True)
class LevelForecast:
    label: str
    origin: Origin
    base: str = ""
    """The label of what it would be made from."""
    size_bytes: int | None = None
    """Of its file; None: not known yet."""
    to_fetch: int = 0
    """Bytes, of its file or of its base, that no level before it fetches already."""
    run_id: str = ""
    """The run that it would find in the database, finished or begun."""
    is_finished: bool = False
    n_tokens: int = 0
    """Still to be decoded."""
    seconds: float | None = None
    """From the command's start to its last record; None: not known."""
    between: tuple[float, float] | None = None
    """Seconds, as its pace is spread; None where that is not known."""
    pace: Pace | None = None
    memory_bytes: int | None = None
    """Of the machine and its GPUs together."""
    memory_surety: Surety = Surety.LEAST
    trouble: str = ""
    """Why it would fail: a sentence."""


@dataclass(frozen=True, slots=True)
class FamilyForecast:
    """Levels that would be compared with one another."""

    levels: tuple[LevelForecast, ...]
    n_tokens: int
    """Of one level's whole run."""
    tokens_surety: Surety
    detectable: tuple[tuple[float, float], ...] = ()
    """For shares of the answers that flip between right and wrong, the smallest margin that
    could be cleared, both in [0, 1]. Empty where nothing is compared."""


@dataclass(frozen=True, slots=True)
class Disk:
    """What would be written to one disk, in bytes."""

    folder: str
    needed: int
    free: int
    surety: Surety = Surety.ABOUT


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a sweep would download, quantize, run and need, and what it could show."""

    task: str
    source: str
    design: Design
    n_questions: int
    n_population: int
    n_subjects: int
    prompt: str
    shots: int
    read: str
    families: tuple[FamilyForecast, ...]
    disks: tuple[Disk, ...]
    memory_total: int
    memory_available: int
    margin: float
    alpha: float
    """0: nothing is to be compared."""
    memory_is_limit: bool = False
    """Whether the memory is what a user allows, and not what there is."""

    @property
    def levels(self) -> tuple[LevelForecast, ...]:
        return tuple(level for family in self.families for level in family.levels)
