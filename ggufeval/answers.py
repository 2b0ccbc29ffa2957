"""What a model gave -> the choice that it answers -> record."""

from __future__ import annotations

import math

from ggufeval.types import (
    LETTERS,
    AnswerForm,
    ClozeScores,
    Generation,
    LetterScores,
    Question,
    Reading,
    Record,
    Stop,
)

_NO_TOKEN = -1


def letter_form(prefix: str, n_choices: int) -> AnswerForm:
    """One letter out of the first n, after `prefix`: `root ::= " " [A-D]`."""
    lead = f'"{prefix}" ' if prefix else ""
    letters = LETTERS[:n_choices]
    return AnswerForm(
        f"root ::= {lead}[{letters[0]}-{letters[-1]}]", tuple(prefix + letter for letter in letters)
    )


def read_letter(scores: LetterScores, question: Question, n_tokens: int) -> Record:
    """The record of a question read by `letter`: the choice with the greatest raw logit.

    That is what greedy sampling under the grammar gives, save where the best admissible token is
    only a part of an answer (`partial`). Equal logits go to the earlier letter.
    """
    ranked = sorted(range(len(scores.logits)), key=lambda i: -scores.logits[i])
    best, second = ranked[:2]
    return Record(
        run_id="",
        question_id=question.id,
        rotation=0,
        letter=best,
        correct=best == question.answer,
        letter_logits=scores.logits,
        logsumexp=scores.logsumexp,
        letter_mass=scores.mass,
        margin=scores.logits[best] - scores.logits[second],
        top_token=scores.top_token,
        top_logit=scores.top_logit,
        n_tokens=n_tokens,
        partial=scores.partial_logit > scores.logits[best],
    )


def read_cloze(scores: ClozeScores, question: Question, n_tokens: int) -> Record:
    """The record of a question read by `cloze`: the choice whose text is likeliest per byte.

    Per byte of the choice's own text, without what stands around it, as lm-evaluation-harness'
    `acc_norm` has it per character: else the shortest text would win. The logits are the sums, so
    that the verdict of the plain sum can be told too. Equal values go to the earlier choice.
    """
    values = [
        logprob / len(choice.encode())
        for logprob, choice in zip(scores.logprobs, question.choices, strict=True)
    ]
    best, second = sorted(range(len(values)), key=lambda i: -values[i])[:2]
    return Record(
        run_id="",
        question_id=question.id,
        rotation=0,
        letter=best,
        correct=best == question.answer,
        letter_logits=scores.logprobs,
        logsumexp=0.0,
        letter_mass=math.nan,
        margin=values[best] - values[second],
        top_token=_NO_TOKEN,
        top_logit=math.nan,
        n_tokens=n_tokens,
    )


def read_text(
    generation: Generation, reading: Reading, question: Question, n_tokens: int
) -> Record:
    """The record of a question read by `sample`. What could not be read is wrong."""
    cut = f"; it was cut at {generation.n_tokens} tokens" if generation.stop is Stop.LENGTH else ""
    return Record(
        run_id="",
        question_id=question.id,
        rotation=0,
        letter=reading.letter,
        correct=reading.letter == question.answer,
        letter_logits=(),
        logsumexp=math.nan,
        letter_mass=math.nan,
        margin=math.nan,
        top_token=_NO_TOKEN,
        top_logit=math.nan,
        n_tokens=n_tokens,
        text=generation.text,
        parse_error=f"{reading.error}{cut}" if reading.error else None,
    )
