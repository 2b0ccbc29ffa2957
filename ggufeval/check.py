"""Does a model come out where it should, and if not, what is wrong?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ggufeval import prompts
from ggufeval.llama.client import ModelProcess
from ggufeval.types import LETTERS, Agreement, ModelDetails, QuestionSet, RunResult, Tokens

LEAST_MASS = 0.5
MOST_OF_ONE_LETTER = 0.6


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that usually is wrong, and whether it is."""

    is_wrong: bool
    text: str


def findings(
    result: RunResult, questions: QuestionSet, agreement: Agreement, n_params: int
) -> tuple[Finding, ...]:
    """What usually makes a score other than the published one, each looked at in this run.

    `n_params` are the weights that the model should have.
    """
    run, published = result.run, agreement.published
    path = Path(run.model.path)
    first = replace(questions, questions=questions.questions[:1])
    render = partial(prompts.render, published.prompt, first.questions, first.shots)
    with ModelProcess() as process:
        details = process.details([path])
        (prompt,) = process.tokenize(path, render)
    return (
        _bos(details, prompt.tokens),
        _letters(result),
        _mass(result),
        _shots(questions, published.shots),
        _date(details, published.prompt),
        _weights(run.model.n_params, n_params),
        _level(run.model.quantization, run.model.requantized_from, published.quantization),
        _data(questions.notes),
    )


def _bos(details: ModelDetails, tokens: Tokens) -> Finding:
    if not details.adds_bos:
        return Finding(is_wrong=False, text="The vocabulary asks for no BOS, and there is none.")
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


def _date(details: ModelDetails, prompt: str) -> Finding:
    if prompt == "chat" and details.template_takes_date:
        return Finding(
            is_wrong=False, text="The chat template writes a date; it is fixed to 26 Jul 2024."
        )
    return Finding(is_wrong=False, text="No date gets into the prompt.")


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
