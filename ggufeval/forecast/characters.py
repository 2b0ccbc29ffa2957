"""How many tokens a run would take, where no model's vocabulary is at hand to count them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ggufeval import readers
from ggufeval.errors import PromptError
from ggufeval.readers import Reader
from ggufeval.types import Prompt, Question, QuestionSet

PER_TOKEN = 4
"""Of MMLU's English: SmolLM2's vocabulary takes 4.1 a token, Qwen2.5's 4.2 (570 questions)."""


def n_tokens(reader: Reader, put: Sequence[Question], questions: QuestionSet) -> int:
    """About as many as the plan would have: what a subject's prompts share is counted once.

    Where the style needs a chat template, which is in the model's file, the length is that of
    plain prompts.
    """
    try:
        prompts = reader.render(put, questions.shots, None)
    except PromptError:
        prompts = readers.make("letter", None).render(put, questions.shots, None)
    pairs = zip((question.subject for question in put), prompts, strict=True)
    groups = (
        [prompt for _, prompt in group] for _, group in groupby(pairs, key=lambda pair: pair[0])
    )
    return sum(_characters(group, answers=reader.by_text) for group in groups) // PER_TOKEN


def _characters(prompts: Sequence[Prompt], *, answers: bool) -> int:
    texts = [prompt.text for prompt in prompts]
    shared = _n_shared(texts) if len(texts) > 1 else 0
    written = sum(len(answer) for prompt in prompts for answer in prompt.answers) if answers else 0
    return shared + sum(len(text) - shared for text in texts) + written


def _n_shared(texts: Sequence[str]) -> int:
    """The smallest and the greatest text differ first where any two do."""
    low, high = min(texts), max(texts)
    return next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
