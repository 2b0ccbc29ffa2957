"""What comes back: scores, texts, records, runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ggufeval.types.engine import Fingerprint, ModelInfo
from ggufeval.types.prompts import Prompts
from ggufeval.types.questions import Design, Question


@dataclass(frozen=True, slots=True)
class LetterScores:
    """Raw float32 scores at the position of the answer, before any grammar.

    A letter's logit is the greatest over its admissible tokens.
    """

    question_id: str
    logits: tuple[float, ...]
    """One a choice."""
    mass: float
    """Probability on all letters together, their admissible tokens summed."""
    logsumexp: float
    """Over the whole vocabulary."""
    top_token: int
    top_logit: float
    partial_logit: float = -math.inf
    """Greatest logit of an admissible token that is only a part of an answer (a bare space)."""
    vocabulary: bytes = b""
    """Natural logarithms of all tokens' probabilities, float16, little-endian; empty where nobody
    wanted them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text of the model's own says. See `ggufeval.parsers`."""

    letter: int | None
    """Index of the choice that it answers; None where none can be read."""
    error: str = ""
    """Why not: `unparsed: ...`, or `no choice: ...` where it parses and matches none."""


@dataclass(frozen=True, slots=True)
class Record:
    """The verdict on one question in one run."""

    run_id: str
    question_id: str
    rotation: int
    letter: int | None
    """Index of the answer; None where nothing could be read."""
    correct: bool
    letter_logits: tuple[float, ...]
    logsumexp: float
    letter_mass: float
    margin: float
    """Logit of the best letter minus that of the second, in nats."""
    top_token: int
    top_logit: float
    n_tokens: int
    """Tokens of the whole prompt, the shared prefix included."""
    text: str | None = None
    parse_error: str | None = None
    partial: bool = False
    """The grammar's best first token was only a part of an answer: generation might differ."""

    @property
    def letter_logprobs(self) -> tuple[float, ...]:
        return tuple(logit - self.logsumexp for logit in self.letter_logits)


class RunStatus(StrEnum):
    RUNNING = "running"
    """Or interrupted: it goes on when the same command is repeated."""
    STOPPED = "stopped"
    """Before the plan's end, as was agreed on: it has its verdict, or its budget is spent."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Run:
    """One model over one plan. Times are sums over its batches, however often it was resumed."""

    id: str
    model: ModelInfo
    fingerprint: Fingerprint
    task: str
    source: str
    design: Design
    population: Mapping[str, int]
    n_questions: int
    n_batches: int
    status: RunStatus
    created: str
    """ISO 8601, UTC."""
    n_done: int
    """Questions recorded."""
    n_tokens: int
    """Tokens decoded for them, each shared prefix once (again after a resume)."""
    seconds: float
    peak_rss_bytes: int
    command: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run with its records and the questions they belong to, both in the run's order."""

    run: Run
    questions: tuple[Question, ...]
    records: tuple[Record, ...]
    positions: tuple[int, ...] = ()
    """Of each of the questions in the whole run's; empty: they are its first."""
    prompts: Prompts | None = None
    """Of the whole plan, which may hold more questions; None where they were not kept."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """One model file asked the same twice, with nothing changed but the batches."""

    run_id: str
    """The other run's."""
    pairs: tuple[tuple[Record, Record], ...]
    """The answers of the one and of the other, of questions at another place of a batch; never
    empty."""
    n_common: int
    """Questions that both have recorded, wherever they stood."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How texts are generated. All of it can change one."""

    temperature: float
    """0: always the likeliest token."""
    max_tokens: int
    seed: int
    """Of the run. Each question has a seed of its own, made from this and its id."""
    slots: int = 16
    """Questions that generate together."""


class Stop(StrEnum):
    """Why a generation ended."""

    EOG = "eog"
    """The model ended it: end of turn, end of text."""
    LENGTH = "length"
    """It was as long as it may be."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What a model wrote after a prompt."""

    question_id: str
    text: str
    """Without control tokens; bytes that are no UTF-8 became U+FFFD."""
    n_tokens: int
    """Drawn, that which ended it included."""
    stop: Stop


@dataclass(frozen=True, slots=True)
class ClozeScores:
    """How likely each choice's text is after the prompt."""

    question_id: str
    logprobs: tuple[float, ...]
    """Natural logarithms, summed over a text's tokens."""
