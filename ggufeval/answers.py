"""Letter logits -> letter -> record."""

from __future__ import annotations

from ggufeval.types import LETTERS, AnswerForm, LetterScores, Question, Record


def letter_form(prefix: str, n_choices: int) -> AnswerForm:
    """One letter out of the first n, after `prefix`: `root ::= " " [A-D]`."""
    lead = f'"{prefix}" ' if prefix else ""
    letters = LETTERS[:n_choices]
    return AnswerForm(
        f"root ::= {lead}[{letters[0]}-{letters[-1]}]", tuple(prefix + letter for letter in letters)
    )


def read_letter(
    scores: LetterScores, question: Question, *, run_id: str, n_tokens: int, rotation: int = 0
) -> Record:
    """The record of a question read by `letter`: the choice with the greatest raw logit.

    That is what greedy sampling under the grammar gives, save where the best admissible token is
    only a part of an answer (`partial`). Equal logits go to the earlier letter.
    """
    ranked = sorted(range(len(scores.logits)), key=lambda i: -scores.logits[i])
    best, second = ranked[:2]
    return Record(
        run_id=run_id,
        question_id=question.id,
        rotation=rotation,
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
