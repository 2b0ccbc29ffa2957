"""Text travels where a licence says so, whatever a task is called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ggufeval import tasks
from ggufeval.bundle import licences
from ggufeval.bundle.licences import terms
from ggufeval.bundle.verifying import verify
from ggufeval.tasks import hub
from ggufeval.types import Question


@pytest.fixture(scope="module")
def run(study):
    return verify(study).runs[0].run


def law(row, subject="law", choices=("a", "b", "c", "d")):
    return Question(f"mmlu/test/{subject}/{row}", subject, "Why?", choices, 0)


def test_the_embedded_questions_are_ours(run):
    embedded = tasks.load("sample", None, shots=0).questions
    assert terms(run, embedded).licence == "MIT"
    forged = (replace(embedded[0], stem="Somebody else's?"), *embedded[1:])
    assert not terms(run, forged).is_free


@pytest.mark.parametrize(
    ("source", "questions", "free"),
    [
        (hub.SOURCE, [law(0)], True),
        ("/home/jane/mmlu", [law(0, "anatomy"), law(134, "anatomy")], True),
        ("/home/jane/mmlu", [law(0, "anatomy"), law(1, "anatomy")], False),
        ("/home/jane/mmlu", [replace(law(0, "anatomy"), stem="Ours?")], False),
        ("/home/jane/mmlu", [replace(law(0, "anatomy"), answer=1)], False),
        ("/home/jane/mmlu", [law(135, "anatomy")], False),
        ("/home/jane/mmlu", [law(0)], False),
        ("/home/jane/mmlu", [law(0, "anatomy", ("a", "b"))], False),
    ],
)
def test_mmlu_is_known_by_where_it_came_from_or_by_its_words(
    run, monkeypatch, source, questions, free
):
    known = {q.id: licences.digest(q) for q in (law(0, "anatomy"), law(134, "anatomy"))}
    monkeypatch.setattr(licences, "_known", lambda: known)
    found = terms(replace(run, task="mmlu", source=source), questions)
    assert found.is_free == free
    assert ("Copyright (c) 2020 Dan Hendrycks" in found.notice) == free


def test_all_of_mmlu_is_known():
    known = licences._known()
    assert len(known) == 14_042
    assert {len(digest) for digest in known.values()} == {4}
    assert known["mmlu/test/anatomy/134"] != known["mmlu/test/anatomy/0"]


def test_private_questions_under_mmlus_names_stay_at_home(run):
    ours = law(0, "anatomy")
    assert ours.id in licences._known()
    assert not terms(replace(run, task="mmlu", source="/home/jane/mmlu"), [ours]).is_free
