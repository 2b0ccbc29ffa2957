"""What a doctor says: one line on one thing, and whether it is as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Status(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    """Something is to be done about it."""
    NOTE = "note"
    """To be known; nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class Finding:
    group: str
    """`build`: what it is printed under."""
    status: Status
    text: str
    """A sentence or two. Names in it may come from anywhere, and are made visible when printed."""
    command: str = ""
    """What to type, to be copied as it is; mostly empty."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What the text says, for programs: numbers, names, lists of them."""

    @property
    def is_wrong(self) -> bool:
        return self.status is Status.WRONG

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Group:
    """Makes findings of one group."""

    name: str

    def ok(self, text: str, /, **facts: object) -> Finding:
        return Finding(self.name, Status.OK, text, facts=facts)

    def note(self, text: str, command: str = "", /, **facts: object) -> Finding:
        return Finding(self.name, Status.NOTE, text, command, facts)

    def wrong(self, text: str, command: str = "", /, **facts: object) -> Finding:
        return Finding(self.name, Status.WRONG, text, command, facts)
