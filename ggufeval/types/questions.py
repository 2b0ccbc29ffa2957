"""What is asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

LETTERS = "ABCDEFGHIJ"
"""A question has 2 to 10 choices, and so at most this many letters."""


@dataclass(frozen=True, slots=True)
class Question:
    """One multiple-choice question. `id` is stable: `mmlu/test/<subject>/<row>`."""

    id: str
    subject: str
    stem: str
    choices: tuple[str, ...]
    answer: int
    """Index of the gold choice."""
    prompt: str = ""
    """The whole prompt, where the data brings its own. Not stored, and not hashed: a plan's hash
    holds its tokens."""


class Design(StrEnum):
    """How the questions were drawn from the whole set; it decides the weights of a score."""

    FULL = "full"
    STRATIFIED = "stratified"
    """Equal numbers from each subject (`--limit`): the unweighted mean is macro."""
    RANDOM = "random"
    """A simple random sample of all questions (`--sample`)."""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The questions of a study, in the order in which they will be asked, with their shots."""

    task: str
    source: str
    """Where they came from, for people: `cais/mmlu@c30699e8`, a path, `embedded`."""
    questions: tuple[Question, ...]
    shots: Mapping[str, tuple[Question, ...]]
    """Subject -> its dev questions, in order."""
    population: Mapping[str, int]
    """Subject -> N_k, how many questions it has in the whole set, of the subjects asked for."""
    design: Design
    seed: int | None = None
    notes: tuple[str, ...] = ()
    """What a reader must be told: counts that deviate, subjects left out."""
    stopping: str = ""
    """When a run over them may end before their end: `verdict` (each level, when it has its
    verdict) or `budget 500` (after so many). The order is then a random one. Empty: never."""
    rounds: tuple[int, ...] = ()
    """How many are asked at a time, in this order, where a run may end early; their sum is n."""
    recorded: Mapping[str, int | None] = field(default_factory=dict)
    """Question id -> the choice that somebody else's run answered; None: unread. Where the data
    brings them."""
    is_outline: bool = False
    """As many questions as there are, and as long, but blanks: the texts are not on this disk."""

    @property
    def sha256(self) -> str:
        """Hash of all that can change a verdict or where it counts: id, subject, stem, choices and
        gold, in order."""
        digest = hashlib.sha256()
        for q in self.questions:
            row = json.dumps([q.id, q.subject, q.stem, q.choices, q.answer], ensure_ascii=True)
            digest.update(row.encode() + b"\n")
        return digest.hexdigest()
