"""What another tool's records come to: values, before they are anybody's run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ggufeval.types import Question, Record

NO_TOKEN = -1
UNKNOWN_SHOTS = -1


@dataclass(frozen=True, slots=True)
class Answer:
    """One question with the verdict on it. Neither has an id yet."""

    question: Question
    record: Record
    number: int | None
    """Its row in the subject, as the tool counts; None where it does not."""
    sent: str
    """Hash of what the model was sent."""


@dataclass(frozen=True, slots=True)
class Log:
    """One run of another tool."""

    tool: str
    """With its version and what it ran the model with: `lm-evaluation-harness 0.4.9 (hf)`."""
    model: str
    """Empty where the records do not say."""
    style: str
    """The tool and its name of the prompts: `lm-eval:mmlu`."""
    shots: int
    """Solved examples in a prompt; `UNKNOWN_SHOTS` where the records do not say."""
    read: str
    """`letter`, `sample` or `cloze`: what of ours it comes nearest to."""
    source: str
    """Names of the files, without folders."""
    digest: str
    """sha256 of the files."""
    answers: tuple[Answer, ...]
    created: str = ""
    """ISO 8601; empty: unknown."""
    parser: str = ""
    """Of texts: the tool's name of what read them."""
    temperature: float = 0.0
    max_tokens: int = 0
    """0 where the records do not say."""
    population: Mapping[str, int] = field(default_factory=dict)
    """Subject -> how many questions it has in the tool's whole set, where the records say."""
    notes: tuple[str, ...] = ()
