"""What stands in a bundle: one value a member, or a line of one. `docs/reproducing.md` explains."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from ggufeval.types import Question, Record, Run

FORMAT = "ggufeval bundle"
VERSION = 3
"""It grows whenever a reader of the former one would misunderstand something."""

MANIFEST = "manifest.json"
ENVIRONMENT = "environment.json"
LICENCES = "LICENSES.txt"


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside, uncompressed."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is inside, and so the first thing to be read."""

    format: str
    version: int
    written_by: str
    """`ggufeval 1.0`."""
    members: Mapping[str, Member]
    """Name -> all that is inside beside this."""
    runs: tuple[str, ...]
    """Ids, in the order in which they were named."""
    reports: tuple[str, ...]
    notes: tuple[str, ...]
    """What a reader must be told: texts that are left out, runs that no report has."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the bundle was written, which need not be where the runs were made: their builds stand
    in their fingerprints."""

    python: str
    system: str
    """`Linux x86_64`."""
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model file came from, as far as another machine can follow."""

    kind: str
    """`catalogue`, `hub`, `made` (quantized or written out by ggufeval), or `file`."""
    name: str
    """A name of the catalogue, or `OWNER/REPO`; of what was made, that of its source. Empty for
    somebody's own file."""
    revision: str
    """The commit on the hub; may be empty."""
    files: tuple[str, ...]
    """Names without folders; on the hub paths inside the repository."""


@dataclass(frozen=True, slots=True)
class Score:
    """Recomputed from the records by whoever reads."""

    n: int
    """Records."""
    n_correct: int
    micro: float
    """As the reports have it: of a sample with equal numbers a subject, weighted."""
    macro: float


@dataclass(frozen=True, slots=True)
class BundledRun:
    """`runs/ID.json`. Paths and the command are without folders."""

    run: Run
    digest: str
    """Of the fingerprint."""
    origin: Origin
    questions: str
    """Member with its questions; of several runs on the same ones, the same."""
    shots: str
    """Member with the solved examples of its prompts; empty: none, left out, or not kept."""
    plan: str
    """Member with its batches."""
    records: str
    template: str
    """Member with a prompt's template of one's own; empty: none, or left out."""
    score: Score


@dataclass(frozen=True, slots=True)
class BundledQuestion:
    """A line of `questions/` or `shots/`. Without its text where that is not free."""

    id: str
    subject: str
    answer: int
    n_choices: int
    sha256: str
    """Of the row that `digest_of` makes, text included."""
    stem: str | None = None
    choices: tuple[str, ...] | None = None

    @property
    def question(self) -> Question | None:
        """None without its text."""
        if self.stem is None or self.choices is None:
            return None
        return Question(self.id, self.subject, self.stem, self.choices, self.answer)


@dataclass(frozen=True, slots=True)
class BundledBatch:
    """A line of `plans/`: what was decoded together, in order."""

    position: int
    chain: str
    """The plan's hash after it, over every token id up to here."""
    items: tuple[tuple[str, int, str | None], ...]
    """Question id, rotation, and the sha256 of the prompt's text (None: it was not kept)."""


@dataclass(frozen=True, slots=True)
class BundledRecord:
    """A line of `runs/ID.records.jsonl`: `Record`'s fields, and where it stood."""

    question_id: str
    rotation: int
    batch: int
    letter: int | None
    correct: bool
    letter_logits: tuple[float, ...]
    logsumexp: float
    letter_mass: float
    margin: float
    top_token: int
    top_logit: float
    n_tokens: int
    partial: bool
    text: str | None
    """What the model wrote; None also where that is left out."""
    text_sha256: str | None
    parse_error: str | None

    @property
    def key(self) -> tuple[str, int]:
        return self.question_id, self.rotation

    @classmethod
    def of(cls, record: Record, batch: int, *, with_text: bool) -> BundledRecord:
        """What a model writes may repeat its question: it goes where that goes."""
        text, error = record.text, record.parse_error
        return cls(
            question_id=record.question_id,
            rotation=record.rotation,
            batch=batch,
            letter=record.letter,
            correct=record.correct,
            letter_logits=record.letter_logits,
            logsumexp=record.logsumexp,
            letter_mass=record.letter_mass,
            margin=record.margin,
            top_token=record.top_token,
            top_logit=record.top_logit,
            n_tokens=record.n_tokens,
            partial=record.partial,
            text=text if with_text else None,
            text_sha256=None if text is None else hashlib.sha256(text.encode()).hexdigest(),
            parse_error=error if with_text or error is None else error.partition(":")[0],
        )

    def record(self, run_id: str) -> Record:
        return Record(
            run_id,
            self.question_id,
            self.rotation,
            self.letter,
            self.correct,
            self.letter_logits,
            self.logsumexp,
            self.letter_mass,
            self.margin,
            self.top_token,
            self.top_logit,
            self.n_tokens,
            self.text,
            self.parse_error,
            self.partial,
        )


def digest_of(question: Question) -> str:
    """sha256 of the row by which `QuestionSet.sha256` knows a question."""
    q = question
    row = json.dumps([q.id, q.subject, q.stem, q.choices, q.answer], ensure_ascii=True)
    return hashlib.sha256(row.encode() + b"\n").hexdigest()


def bundled(question: Question, *, with_text: bool) -> BundledQuestion:
    q = question
    found = q.id, q.subject, q.answer, len(q.choices), digest_of(q)
    return BundledQuestion(*found, q.stem, q.choices) if with_text else BundledQuestion(*found)
