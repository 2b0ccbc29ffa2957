"""One sample of lm-evaluation-harness: a question, the requests that it was put in, the answers."""

from __future__ import annotations

import hashlib
import json
import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ggufeval.errors import DataError
from ggufeval.imports import documents, verdicts
from ggufeval.imports.documents import OtherTaskError, Tree, get
from ggufeval.imports.log import Answer
from ggufeval.tasks import rows
from ggufeval.tasks.tables import Row
from ggufeval.types import LETTERS, Question, Record

_LARGEST = 1e30
"""Beyond it, no log-probability is one; the store keeps 32 bits."""


@dataclass(frozen=True, slots=True)
class Sample:
    answer: Answer
    read: str
    filter: str
    place: str
    settings: Mapping[str, Any]
    """Of a generation."""


def sample(place: str, tree: Tree, task: str) -> Sample:
    """Of a file whose name says `task`, which need not be one. Raises DataError, with the place."""
    doc = tree.get("doc")
    if not isinstance(doc, dict) or not {"question", "choices", "answer"} <= doc.keys():
        found = ", ".join(map(reprlib.repr, doc)) if isinstance(doc, dict) else "no doc"
        raise OtherTaskError(
            f"{place}: expected a sample of an MMLU task of lm-evaluation-harness, whose doc has "
            f"question, choices and answer, found {found or 'an empty doc'}. Other tasks, and "
            "versions before 0.4, cannot be read."
        )
    question = _question(place, doc, task)
    number = get(tree, "doc_id", int, place)
    requests = _requests(place, tree)
    answers = get(tree, "filtered_resps", list, place)
    sent = hashlib.sha256(json.dumps(requests, sort_keys=True).encode()).hexdigest()
    name = tree.get("filter", "")
    second = requests[0][1] if len(requests[0]) > 1 else {}
    if isinstance(second, str):
        read, record = _likelihoods(place, tree, question, requests, answers)
    else:
        read, record = "sample", _text(place, tree, question, answers)
    return Sample(
        Answer(question, record, number, sent),
        read,
        rows.text(Row(place, {}), name, "filter") if name else "",
        place,
        second if isinstance(second, dict) else {},
    )


def _question(place: str, doc: Tree, task: str) -> Question:
    row = Row(place, {name: doc[name] for name in ("question", "choices", "answer")})
    subject = doc.get("subject")
    if subject is None:
        subject = task.partition("mmlu_")[2]
    return rows.question(row, "", rows.text(row, subject, "subject"))


def _requests(place: str, tree: Tree) -> list[list[Any]]:
    """The arguments of each request: a context, and a continuation or settings."""
    found = tree.get("arguments")
    if isinstance(found, dict):
        found = [
            list(request.values()) if isinstance(request, dict) else request
            for _, request in sorted(found.items(), key=lambda item: _place_of(item[0]))
        ]
    if (
        not isinstance(found, list)
        or not found
        or not all(isinstance(request, list) and request for request in found)
    ):
        raise DataError(
            f"{place}: expected the requests as 'arguments', a list or an object of gen_args_0, "
            "gen_args_1, ..., found neither. Is it a file of samples, unchanged?"
        )
    return found


def _place_of(name: str) -> int:
    """Of `gen_args_10`: 10."""
    digits = name.rpartition("_")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0


def _likelihoods(
    place: str,
    tree: Tree,
    question: Question,
    requests: Sequence[Sequence[Any]],
    answers: Sequence[object],
) -> tuple[str, Record]:
    """`acc_mutual_info` asks for more, behind those of the choices."""
    k = len(question.choices)
    put = [str(request[1]).strip() for request in requests[:k]]
    letters = list(LETTERS[:k])
    if put not in (letters, [choice.strip() for choice in question.choices]) or len(answers) < k:
        raise DataError(
            f"{place}: expected a likelihood of each of {k} letters, or of each choice's text, "
            f"found {len(answers)} of {reprlib.repr(put)}. Is it an MMLU task?"
        )
    values = [_logprob(place, answer) for answer in answers[:k]]
    greatest = max(range(k), key=values.__getitem__)
    _check(place, tree, "acc", greatest == question.answer)
    if put == letters:
        return "letter", verdicts.by_letter(question, values)
    return "cloze", verdicts.by_text(question, values)


def _logprob(place: str, answer: object) -> float:
    """Of `[-1.5, false]` or `["-1.5", "False"]`."""
    first = answer[0] if isinstance(answer, list) and answer else answer
    try:
        value = math.nan if isinstance(first, bool) else float(first)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if math.isnan(value) or value > _LARGEST or -math.inf < value < -_LARGEST:
        raise DataError(
            f"{place}: expected log-likelihoods in filtered_resps, found {reprlib.repr(answer)}. "
            "Evaluate again: no answer can be read off that."
        )
    return value


def _text(place: str, tree: Tree, question: Question, answers: Sequence[object]) -> Record:
    first = answers[0] if answers else None
    while isinstance(first, list) and first:
        first = first[0]
    if not isinstance(first, str):
        raise DataError(
            f"{place}: expected a text in filtered_resps, found {reprlib.repr(first)}. Is it an "
            "MMLU task?"
        )
    text = documents.encodable(first)
    correct = _verdict(tree, "exact_match")
    if correct is None:
        raise DataError(
            f"{place}: expected the verdict on a text as exact_match, 0 or 1, found "
            f"{reprlib.repr(tree.get('exact_match'))}. Is it an MMLU task?"
        )
    return verdicts.by_answer(question, verdicts.letter_of(text, question), text, correct=correct)


def _check(place: str, tree: Tree, name: str, correct: object) -> None:
    """The tool's own verdict is the proof that its numbers were read as they are meant."""
    theirs = _verdict(tree, name)
    if theirs is not None and theirs != correct:
        raise DataError(
            f"{place}: its {name} is {tree[name]!r}, its log-likelihoods and its right answer say "
            "otherwise. The file was changed, or is of a version that is not known here."
        )


def _verdict(tree: Tree, name: str) -> bool | None:
    value = tree.get(name)
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None
