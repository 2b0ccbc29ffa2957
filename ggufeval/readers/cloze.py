"""The likelihood of each choice's text after the prompt: what small models can show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from ggufeval import answers, prompts
from ggufeval.llama.client import ModelProcess
from ggufeval.readers.reader import Answered, Conditions, Reader, Work, answered
from ggufeval.types import ChatTemplate, Prompt, Question


@dataclass(frozen=True, slots=True)
class ClozeReader(Reader):
    name: ClassVar[str] = "cloze"
    default_prompt: ClassVar[str] = "continuation"
    by_text: ClassVar[bool] = True

    def render(
        self,
        questions: Sequence[Question],
        shots: Mapping[str, Sequence[Question]],
        template: ChatTemplate | None,
    ) -> list[Prompt]:
        """Where the style's answer is a letter, a choice's text takes its place."""
        made = prompts.render(self.prompt, questions, shots, template)
        if not self.style.by_letter:
            return made
        prefix = self.style.answer_prefix
        return [
            replace(prompt, answers=tuple(prefix + text for text in q.choices), by_letter=False)
            for prompt, q in zip(made, questions, strict=True)
        ]

    def conditions(self, questions: Sequence[Question]) -> Conditions:  # noqa: ARG002
        return Conditions(self.name)

    def answers(self, process: ModelProcess, path: Path, work: Work) -> Iterator[Answered]:
        batches = process.cloze(path, work.settings, work.plan, work.done)
        return answered(batches, work, answers.read_cloze)
