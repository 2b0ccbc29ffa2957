"""Does a model come out where it should, and if not, what is wrong?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from ggufeval import prompts
from ggufeval.llama.client import ModelProcess
from ggufeval.types import (
    LETTERS,
    ModelDetails,
    PublishedScore,
    QuestionSet,
    RunResult,
    Tokens,
)

LEAST_MASS = 0.5
MOST_OF_ONE_LETTER = 0.6


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that usually is wrong, and whether it is."""

    is_wrong: bool
    text: str


def identity(
    result: RunResult, questions: QuestionSet, published: PublishedScore, n_params: int
) -> tuple[Finding, ...]:
    """Is this the model, at the level and on the questions, that the figure is of?

    `n_params` are the weights that the model should have.
    """
    model = result.run.model
    return (
        _weights(model.n_params, n_params),
        _level(model.quantization, model.requantized_from, published.quantization),
        _shots(questions, published.shots),
        _data(questions.notes),
    )


def habits(
    result: RunResult, questions: QuestionSet, published: PublishedScore
) -> tuple[Finding, ...]:
    """What else usually makes a score other than the published one, looked at in this run."""
    path = Path(result.run.model.path)
    first = replace(questions, questions=questions.questions[:1])
    render = partial(prompts.render, published.prompt, first.questions, first.shots)
    with ModelProcess() as process:
        details = process.details([path])
        (prompt,) = process.tokenize(path, render)
        pieces = process.pieces(path, prompt.tokens)
    text = b"".join(piece.spelled for piece in pieces).decode(errors="replace")
    return (_bos(details, prompt.tokens), _letters(result), _mass(result), _date(text))


def _bos(details: ModelDetails, tokens: Tokens) -> Finding:
    if not details.adds_bos:
        return Finding(is_wrong=False, text="The vocabulary asks for no BOS.")
    n = tokens.count(tokens[0])
    return Finding(n != 1, f"BOS ({details.bos}) stands in the prompt {n} times; once is right.")


def _letters(result: RunResult) -> Finding:
    letters = [record.letter for record in result.records if record.letter is not None]
    if not letters:
        return Finding(is_wrong=True, text="No answer could be read.")
    most = max(set(letters), key=letters.count)
    share = letters.count(most) / len(letters)
    return Finding(
        share > MOST_OF_ONE_LETTER,
        f"{share:.0%} of the answers are {LETTERS[most]}; far more than a quarter would mean that "
        "the letter's token, with or without its space, is not what the prompt leads to.",
    )


def _mass(result: RunResult) -> Finding:
    mass = sum(record.letter_mass for record in result.records) / len(result.records)
    return Finding(
        mass < LEAST_MASS,
        f"The letters have {mass:.2f} of the probability before the grammar; near 1 is right, and "
        "less means that this prompt does not suit the model.",
    )


def _shots(questions: QuestionSet, wanted: int) -> Finding:
    fewest = min((len(shots) for shots in questions.shots.values()), default=0)
    return Finding(fewest != wanted, f"{fewest} shots in every prompt; {wanted} were published.")


def _date(prompt: str) -> Finding:
    today = datetime.now().astimezone()
    forms = ("%d %b %Y", "%d %B %Y", "%B %d, %Y", "%Y-%m-%d")
    found = [day for day in map(today.strftime, forms) if day in prompt]
    if found:
        return Finding(is_wrong=True, text=f"The prompt has today's date ({found[0]}).")
    return Finding(is_wrong=False, text="Today's date is not in the prompt.")


def _weights(found: int, expected: int) -> Finding:
    return Finding(
        abs(found - expected) > expected / 1000,
        f"{found:,} weights; the model should have {expected:,}.",
    )


def _level(found: str, origin: str, expected: str) -> Finding:
    made = f" that was made from {origin}" if origin else ""
    return Finding(
        found != expected or bool(origin), f"The level is {found}{made}; {expected} was published."
    )


def _data(notes: Sequence[str]) -> Finding:
    return Finding(bool(notes), " ".join(notes) or "The questions are complete.")
