"""What a way of reading is: it turns questions into prompts, prompts into a plan, and what the
model gives for a batch into records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from ggufeval import plan, prompts
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.services import BatchOf
from ggufeval.prompts.style import Style
from ggufeval.types import (
    ChatTemplate,
    EngineSettings,
    Plan,
    Prompt,
    Question,
    Record,
    TokenizedPrompt,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What of a run's fingerprint is the reader's to say."""

    read: str
    grammar: str = ""
    parser: str = ""
    temperature: float = 0.0
    max_tokens: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """A plan, and what is to be read of it."""

    plan: Plan
    settings: EngineSettings
    questions: tuple[Question, ...]
    """One an item, in the plan's order."""
    prompts: tuple[TokenizedPrompt, ...]
    """Likewise."""
    done: frozenset[int] = frozenset()
    """Positions of the batches that are stored."""
    kept: frozenset[str] = frozenset()
    """Ids of the questions whose answers bring along the probabilities of all tokens."""

    @property
    def by_batch(self) -> list[tuple[tuple[Question, TokenizedPrompt], ...]]:
        """What stands in each batch, whether it is done or not."""
        return plan.by_batch(self.plan, list(zip(self.questions, self.prompts, strict=True)))


@dataclass(frozen=True, slots=True)
class Answered:
    """The records of one batch, in its order, without the run's id."""

    position: int
    records: tuple[Record, ...]
    n_tokens: int
    seconds: float
    peak_rss_bytes: int = 0
    """Of the model's process, up to here."""
    vocabularies: tuple[bytes, ...] = ()
    """One a record, as `LetterScores.vocabulary`."""


@dataclass(frozen=True, slots=True)
class Reader(ABC):
    """A way of reading under a prompt style. A value: it travels to the model's process."""

    prompt: str
    """The style's name."""

    name: ClassVar[str]
    default_prompt: ClassVar[str]
    by_text: ClassVar[bool] = False
    """Whether the answers' texts are tokenized, each a continuation of its prompt."""
    shares_stems: ClassVar[bool] = False
    """Whether what questions on one text begin with is decoded once for all of them."""

    @property
    def style(self) -> Style:
        return prompts.style(self.prompt)

    def render(
        self,
        questions: Sequence[Question],
        shots: Mapping[str, Sequence[Question]],
        template: ChatTemplate | None,
    ) -> list[Prompt]:
        """Prompts of all questions, in order. Raises PromptError, naming the question."""
        return prompts.render(self.prompt, questions, shots, template)

    def plan(
        self,
        prompts: Sequence[tuple[str, TokenizedPrompt]],
        *,
        budget: int,
        n_ctx: int | None,
        rounds: Sequence[int] = (),
        has_state: bool = False,
    ) -> Plan:
        """The plan for prompts that come with their subjects. Raises ContextError.

        `has_state`: the model keeps a state of each sequence, see `ModelInfo`.
        """
        return plan.make(
            prompts,
            budget=budget,
            n_ctx=n_ctx,
            rounds=rounds,
            share_stems=self.shares_stems and not has_state,
        )

    def context_size(self, the_plan: Plan) -> int:
        return plan.context_size(the_plan)

    def sequences(self, the_plan: Plan) -> int:
        return plan.sequences(the_plan)

    @property
    def n_written(self) -> int:
        """Tokens that may follow a prompt."""
        return 0

    def check(self, process: ModelProcess, path: Path) -> None:  # noqa: B027 - most have nothing
        """What can be said of a model before anything is done. Raises UsageError."""

    @abstractmethod
    def conditions(self, questions: Sequence[Question]) -> Conditions: ...

    @abstractmethod
    def answers(self, process: ModelProcess, path: Path, work: Work) -> Iterator[Answered]:
        """Batch by batch, in the plan's order, those that are done left out."""


def answered(
    batches: Iterable[BatchOf[T]],
    work: Work,
    record: Callable[[T, Question, int], Record],
    vocabulary: Callable[[T], bytes] = lambda _: b"",
) -> Iterator[Answered]:
    """What the engine gave as records, each made from a value, its question and the number of its
    prompt's tokens. `vocabulary` is what a value says of all tokens."""
    asked = work.by_batch
    for batch in batches:
        pairs = zip(batch.values, asked[batch.position], strict=True)
        records = tuple(record(value, q, len(prompt.tokens)) for value, (q, prompt) in pairs)
        yield Answered(
            batch.position,
            records,
            batch.n_tokens,
            batch.seconds,
            batch.peak_rss_bytes,
            tuple(vocabulary(value) for value in batch.values),
        )
