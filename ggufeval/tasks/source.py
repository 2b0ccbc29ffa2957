"""What a task is, and what it hands over: all its questions, before any is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ggufeval.types import Question


@dataclass(frozen=True, slots=True)
class Source:
    """All questions of a task, in the order of the data set."""

    task: str
    text: str
    """Where they came from, for people: `cais/mmlu@c30699e8`, a path, `embedded`."""
    questions: tuple[Question, ...]
    shots: Mapping[str, tuple[Question, ...]] | None
    """Subject -> its dev questions, in order; a subject without any may be absent. None: the
    questions bring prompts of their own, shots and all."""
    notes: tuple[str, ...] = ()
    recorded: Mapping[str, int | None] = field(default_factory=dict)
    """As in `QuestionSet`."""
    is_outline: bool = False
    """Likewise."""


class Loader(Protocol):
    """Reads a task from `data` (`--data PATH`) or, where that is None, from where it lives.

    Raises DataError for data that cannot be read, UsageError for a path of the wrong kind.
    """

    def __call__(self, data: Path | None, *, offline: bool) -> Source: ...


@dataclass(frozen=True, slots=True)
class Task:
    """A module of this package that has a `TASK` is a task; nothing else need know of it."""

    name: str
    """As in `--task`."""
    description: str
    load: Loader
    is_elsewhere: Callable[[Path], bool] = lambda _: False
    """Whether `--data` of that text is the name of something that need not be on the disk."""
