"""Whose question is it? Told by its text, since no two tools count alike."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ggufeval.imports.log import Answer
from ggufeval.types import Question

Key: TypeAlias = tuple[str, str, tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class Matched:
    questions: tuple[Question, ...]
    """One an answer, in their order; no id is there twice."""
    n_known: int
    """Of them, those that are questions of ours."""
    n_other_gold: int
    """Of the rest, those of ours but for the right answer."""


def match(answers: Sequence[Answer], known: Iterable[Sequence[Question]]) -> Matched:
    """Give each answer's question the id of the one of ours that has its subject, stem, choices and
    right answer, white space aside.

    `known` are sets of questions, the preferred first. Where several have one text (MMLU repeats
    some), the one of the same row has it, then the others in order. What is not ours has an id made
    from its text, the same for every tool.
    """
    ours: defaultdict[Key, dict[str, Question]] = defaultdict(dict)
    for questions in known:
        for question in questions:
            ours[_key(question)].setdefault(question.id, question)
    found: dict[int, Question] = {}
    for key, places in _by_key(answers).items():
        free = dict(ours.get(key, {}))
        for place in places:
            row = f"/{answers[place].number}"
            if exact := next((name for name in free if name.endswith(row)), None):
                found[place] = free.pop(exact)
        for place in places:
            if place not in found and free:
                found[place] = free.pop(next(iter(free)))
    texts = {key[:3] for key in ours}
    rest = [answers[i].question for i in range(len(answers)) if i not in found]
    strangers = iter(_with_ids(rest))
    return Matched(
        tuple(found[i] if i in found else next(strangers) for i in range(len(answers))),
        n_known=len(found),
        n_other_gold=sum(_key(q)[:3] in texts and _key(q) not in ours for q in rest),
    )


def _by_key(answers: Sequence[Answer]) -> dict[Key, list[int]]:
    """Places of the answers, in the order of their rows."""
    order = sorted(range(len(answers)), key=lambda i: answers[i].number or 0)
    places: defaultdict[Key, list[int]] = defaultdict(list)
    for i in order:
        places[_key(answers[i].question)].append(i)
    return places


def _key(question: Question) -> Key:
    return (
        question.subject.strip().lower().replace(" ", "_"),
        _plain(question.stem),
        tuple(map(_plain, question.choices)),
        question.answer,
    )


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _with_ids(questions: Iterable[Question]) -> list[Question]:
    """The hash is of the text as it is, so that one id never has two."""
    times: defaultdict[str, int] = defaultdict(int)
    made = []
    for q in questions:
        text = json.dumps([q.subject, q.stem, q.choices, q.answer])
        name = f"imported/{q.subject}/{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        times[name] += 1
        made.append(replace(q, id=name if times[name] == 1 else f"{name}-{times[name]}"))
    return made
