"""Text is generated through llama.cpp's samplers and read by a parser, as the study did it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from ggufeval import answers, bounded, parsers, plan, prompts
from ggufeval.errors import ModelError, UsageError, WorkerError
from ggufeval.llama.client import ModelProcess
from ggufeval.readers.reader import Answered, Conditions, Reader, Work, answered
from ggufeval.types import (
    AnswerForm,
    ChatTemplate,
    Generation,
    Plan,
    Prompt,
    Question,
    Reading,
    Record,
    Sampling,
    TokenizedPrompt,
)

LETTER, CHOICE, JSON, NONE = "letter", "choice", "json", "none"
EXACT = "exact"
"""The parser under a grammar that lets through nothing but answers."""
_BUDGET = 10_000
"""Tokens of prompts in a batch: enough for those of all that generate together."""
_MAX_TEXTS = 48
"""Texts in a batch, which a crash costs. Three times those that generate together: at a batch's
end slots stand empty."""


@dataclass(frozen=True, slots=True)
class SampleReader(Reader):
    sampling: Sampling
    grammar: str = NONE
    """`letter`, `choice`, `json`, `none`, or a file's name, as the user gave it."""
    own: str = ""
    """That file's GBNF."""

    name: ClassVar[str] = "sample"
    default_prompt: ClassVar[str] = "mmlu"

    def render(
        self,
        questions: Sequence[Question],
        shots: Mapping[str, Sequence[Question]],
        template: ChatTemplate | None,
    ) -> list[Prompt]:
        """Nothing is asked of the answers' tokens."""
        made = prompts.render(self.prompt, questions, shots, template)
        return [replace(prompt, answers=()) for prompt in made]

    def plan(
        self,
        prompts: Sequence[tuple[str, TokenizedPrompt]],
        *,
        budget: int,
        n_ctx: int | None,
        rounds: Sequence[int] = (),
        has_state: bool = False,  # noqa: ARG002 - nothing is shared but the prefix
    ) -> Plan:
        """All questions in one group, unless each subject's share so much more that it is worth
        the slots that are empty at its end."""
        alone = [("", prompt) for _, prompt in prompts]
        together, apart = (
            plan.make(
                grouped,
                budget=max(budget, _BUDGET),
                max_items=_MAX_TEXTS,
                n_ctx=n_ctx,
                max_tokens=self.sampling.max_tokens,
                rounds=rounds,
            )
            for grouped in (alone, prompts)
        )
        n_saved = together.n_tokens - apart.n_tokens
        return apart if n_saved >= plan.LEAST_SHARED * len(apart.groups) else together

    def context_size(self, the_plan: Plan) -> int:
        return plan.generation_context_size(the_plan, self.sampling)

    def sequences(self, the_plan: Plan) -> int:
        return plan.generation_sequences(the_plan, self.sampling)

    @property
    def n_written(self) -> int:
        return self.sampling.max_tokens

    def conditions(self, questions: Sequence[Question]) -> Conditions:
        return Conditions(
            self.name,
            grammar=self._constraint(questions),
            parser=self._parser,
            temperature=self.sampling.temperature,
            max_tokens=self.sampling.max_tokens,
            seed=self.sampling.seed,
        )

    def check(self, process: ModelProcess, path: Path) -> None:
        if not self.own:
            return
        try:
            process.check_grammar(path, self.own)
        except ModelError as error:
            raise UsageError(
                f"--grammar {self.grammar}: llama.cpp cannot take it. It must be GBNF with a rule "
                "`root`, without left recursion."
            ) from error
        except WorkerError as error:
            raise UsageError(f"--grammar {self.grammar}: {error}") from error

    def answers(self, process: ModelProcess, path: Path, work: Work) -> Iterator[Answered]:
        grammars = {question.id: self._gbnf(question) for question in work.questions}
        batches = process.generate(
            path, work.settings, self.sampling, grammars, work.plan, done=work.done
        )
        return answered(batches, work, self._record)

    # --- the grammar ---

    def _form(self, question: Question) -> AnswerForm | None:
        """All that the grammar lets through, where that is answers."""
        if self.grammar == CHOICE:
            return prompts.text_form(self.style, question)
        if self.grammar == LETTER:
            return answers.letter_form(self.style.answer_prefix, len(question.choices))
        return None

    def _gbnf(self, question: Question) -> str | None:
        form = self._form(question)
        if form is not None:
            return form.grammar
        return prompts.JSON_ANSWER if self.grammar == JSON else self.own or None

    def _constraint(self, questions: Sequence[Question]) -> str:
        """What stands in the fingerprint; a grammar a question by their hash."""
        found = dict.fromkeys(self._gbnf(question) or "" for question in questions)
        if self.grammar != CHOICE:
            return "; ".join(found)
        digest = hashlib.sha256("\n".join(found).encode()).hexdigest()
        return f"{CHOICE} sha256:{digest}"

    # --- the text ---

    @property
    def _parser(self) -> str:
        if self.grammar in {CHOICE, LETTER}:
            return EXACT
        return JSON if self.grammar == JSON else self.style.parser

    def _record(self, text: Generation, question: Question, n_tokens: int) -> Record:
        return answers.read_text(text, self._read(text.text, question), question, n_tokens)

    def _read(self, text: str, question: Question) -> Reading:
        form = self._form(question)
        if form is not None:
            return parsers.exact(text, form.answers, question)
        begun = "" if self.grammar == JSON else self.style.begun
        return parsers.read(self._parser, begun + text, question)


def grammar_of(name: str) -> str:
    """The GBNF of a user's file. Raises UsageError where `name` is neither it nor a grammar's."""
    if name in {LETTER, CHOICE, JSON, NONE}:
        return ""
    try:
        text = bounded.text(Path(name))
    except OSError as error:
        raise UsageError(
            f"--grammar {name}: letter, choice, json, none or a file in GBNF was expected "
            f"({error.strerror or error})."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--grammar {name}: the file was expected to be UTF-8 text.") from error
    if not text.strip():
        raise UsageError(f"--grammar {name}: a grammar in GBNF was expected; the file is empty.")
    return text
