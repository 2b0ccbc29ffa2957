"""Records from what other tools keep: likelihoods of the choices, or the answer that they read."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ggufeval import answers
from ggufeval.imports.log import NO_TOKEN
from ggufeval.types import LETTERS, ClozeScores, LetterScores, Question, Record

_LETTER = re.compile(r"\(?([A-Za-z])[).:]?")


def by_letter(question: Question, logprobs: Sequence[float]) -> Record:
    """As `--read letter`: the logits are the letters' log-probabilities, which sum to the mass.

    The first of equals wins, as argmax has it in both tools.
    """
    values = tuple(logprobs)
    mass = min(math.fsum(map(math.exp, values)), 1.0)
    scores = LetterScores("", values, mass, 0.0, NO_TOKEN, math.nan)
    return answers.read_letter(scores, question, 0)


def by_text(question: Question, logprobs: Sequence[float]) -> Record:
    """As `--read cloze`: the choice whose text is likeliest a byte."""
    return answers.read_cloze(ClozeScores("", tuple(logprobs)), question, 0)


def letter_of(text: str, question: Question) -> int | None:
    """The choice that `B`, `(B)` or `b.` means; None where it is none of the question's."""
    found = _LETTER.fullmatch(text.strip())
    letters = LETTERS[: len(question.choices)]
    return letters.index(found[1].upper()) if found and found[1].upper() in letters else None


def by_answer(question: Question, letter: int | None, text: str, *, correct: bool) -> Record:
    """As `--read sample`: the tool's verdict stands, since it has read the text.

    Where it took the right letter for a wrong answer (another case, words around it), or what is
    no letter for the right one, the letter follows the verdict.
    """
    error = None
    if correct:
        letter = question.answer
    elif letter == question.answer:
        letter, error = None, f"no choice: the tool that read {text[:40]!r} counted it as wrong"
    elif letter is None:
        error = f"unparsed: {text[:40]!r}"
    nan = math.nan
    return Record(
        "", "", 0, letter, correct, (), nan, nan, nan, NO_TOKEN, nan, 0, text, error
    )  # fmt: skip
