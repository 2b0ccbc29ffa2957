"""One forward pass a question: the letter with the greatest logit that the grammar admits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ggufeval import answers
from ggufeval.llama.client import ModelProcess
from ggufeval.readers.reader import Answered, Conditions, Reader, Work, answered
from ggufeval.types import AnswerForm, Question


@dataclass(frozen=True, slots=True)
class LetterReader(Reader):
    name: ClassVar[str] = "letter"
    default_prompt: ClassVar[str] = "mmlu"
    shares_stems: ClassVar[bool] = True

    def _forms(self, questions: Sequence[Question]) -> tuple[AnswerForm, ...]:
        """The answers' form for each number of choices that occurs."""
        kinds = sorted({len(question.choices) for question in questions})
        return tuple(answers.letter_form(self.style.answer_prefix, k) for k in kinds)

    def conditions(self, questions: Sequence[Question]) -> Conditions:
        grammar = "; ".join(form.grammar for form in self._forms(questions))
        return Conditions(self.name, grammar=grammar)

    def answers(self, process: ModelProcess, path: Path, work: Work) -> Iterator[Answered]:
        forms = self._forms(work.questions)
        batches = process.score(path, work.settings, forms, work.plan, work.done, kept=work.kept)
        return answered(batches, work, answers.read_letter, lambda scores: scores.vocabulary)
