"""The questions with all answers, as the page's browser of questions takes them.

One tree for JSON, column by column, so that 14,042 questions and nine models are small:

    subjects     names
    ids, stems   one a question
    subject      index into subjects, one a question
    choices      a list of texts, one a question
    gold         index of the right choice, one a question
    models       the reference first:
        name
        answers  a string with one character a question: the letter, `-` where none could be read,
                 a blank where it was not asked
        margins  logit of the best letter minus that of the second, in hundredths of a nat; null
                 where there is none
        shares   the letters' probabilities in per cent, one list a question; null likewise
        texts    what the model wrote, where it wrote
    prompts      what was sent, where that is known: `shared` texts, and in `of` for each question
                 `[index into shared, the rest]`, where NUL and `s` stand for the stem, NUL and a
                 digit for that choice
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ggufeval.report.numerals import MISSING, visible
from ggufeval.report.packed import packed_json
from ggufeval.report.rows import rows
from ggufeval.types import LETTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ggufeval.types import Comparison, Prompts, Question, Record, RunResult

Tree = dict[str, Any]

_LINES = "\n\t"


def questions(comparison: Comparison, results: Sequence[RunResult]) -> Tree | None:
    """All that the reference was asked, in its order; None without the reference's result."""
    by_run = {result.run.id: result for result in results}
    reference = by_run.get(comparison.reference.run.id)
    if reference is None or not reference.questions:
        return None
    asked = reference.questions
    subjects = list(dict.fromkeys(question.subject for question in asked))
    places = {subject: place for place, subject in enumerate(subjects)}
    tree: Tree = {
        "subjects": [visible(subject) for subject in subjects],
        "ids": [visible(question.id) for question in asked],
        "subject": [places[question.subject] for question in asked],
        "stems": [visible(question.stem, keep=_LINES) for question in asked],
        "choices": [[visible(text, keep=_LINES) for text in q.choices] for q in asked],
        "gold": [question.answer for question in asked],
        "models": [
            _model(row.name, by_run[row.score.run.id], asked)
            for row in rows(comparison)
            if row.score.run.id in by_run
        ],
    }
    if reference.prompts:
        tree["prompts"] = _prompts(reference.prompts, asked)
    return tree


def _prompts(texts: Prompts, asked: Sequence[Question]) -> Tree:
    return {
        "shared": [visible(text, keep=_LINES) for text in texts.shared],
        "of": [_rest(texts, question) for question in asked],
    }


def _rest(texts: Prompts, question: Question) -> tuple[int, str] | None:
    """What is in the page already stands there by name: a third of its size otherwise."""
    found = texts.rest.get((question.id, 0))
    if found is None:
        return None
    place, rest = found[0], visible(found[1], keep=_LINES)
    named, at = "", 0
    pieces = {"s": question.stem} | {str(i): text for i, text in enumerate(question.choices)}
    for name, piece in pieces.items():
        text = visible(piece, keep=_LINES)
        if text and (next_at := rest.find(text, at)) >= 0:
            named += f"{rest[at:next_at]}\0{name}"
            at = next_at + len(text)
    return place, named + rest[at:]


def _model(name: str, result: RunResult, asked: Sequence[Question]) -> Tree:
    # Rotated choices have other letters, so only the questions as they stand.
    found = {record.question_id: record for record in result.records if record.rotation == 0}
    records = [found.get(question.id) for question in asked]
    tree: Tree = {"name": name, "answers": "".join(map(_answer, records))}
    if result.run.fingerprint.read == "letter":
        tree["margins"] = [_margin(record) for record in records]
        tree["shares"] = [record and _shares(record) for record in records]
    if any(record and record.text for record in records):
        tree["texts"] = [record and _text(record) for record in records]
    return tree


def _answer(record: Record | None) -> str:
    if record is None:
        return " "
    return MISSING if record.letter is None else LETTERS[record.letter]


def _margin(record: Record | None) -> int | None:
    if record is None or not math.isfinite(record.margin):
        return None
    return round(100 * record.margin)


def _shares(record: Record) -> list[int] | None:
    """Of the letters among themselves: what the grammar leaves."""
    logits = record.letter_logits
    best = max(logits, default=-math.inf)
    if not math.isfinite(best):
        return None
    weights = [math.exp(logit - best) for logit in logits]
    return [round(100 * weight / sum(weights)) for weight in weights]


def _text(record: Record) -> str:
    said = visible(record.text or "", keep=_LINES)
    return f"{said}\n({visible(record.parse_error)})" if record.parse_error else said


def fitting(tree: Tree, room: int) -> tuple[str, str]:
    """The tree packed into at most `room` characters, and what had to be left out for it.

    Empty where not even the bare answers fit.
    """
    for left_out, cut in _CUTS.items():
        text = packed_json(cut(tree))
        if len(text) <= room:
            return text, left_out
    return "", "all single questions"


def _without_prompts(tree: Tree) -> Tree:
    return {key: value for key, value in tree.items() if key != "prompts"}


def _without_shares(tree: Tree) -> Tree:
    return _of_models(_without_prompts(tree), {"name", "answers", "margins", "texts"})


def _without_texts(tree: Tree) -> Tree:
    return _of_models(_without_prompts(tree), {"name", "answers"})


def _of_models(tree: Tree, kept: set[str]) -> Tree:
    return tree | {"models": [{k: v for k, v in m.items() if k in kept} for m in tree["models"]]}


_CUTS: Mapping[str, Callable[[Tree], Tree]] = {
    "": lambda tree: tree,
    "the prompts": _without_prompts,
    "the prompts and the letters' probabilities": _without_shares,
    "the prompts, the probabilities and the texts that models wrote": _without_texts,
}
"""What is left out of a page that would be too large, the least useful first."""
