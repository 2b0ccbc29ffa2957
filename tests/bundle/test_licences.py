"""Text travels where a licence says so, whatever a task is called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ggufeval import tasks
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
        ("/home/jane/mmlu", [law(135, "anatomy")], False),
        ("/home/jane/mmlu", [law(0)], False),
        ("/home/jane/mmlu", [law(0, "anatomy", ("a", "b"))], False),
        ("/home/jane/mmlu.csv", [replace(law(0), id="mmlu/anatomy/0")], False),
        ("/home/jane/mmlu", [law("x", "anatomy")], False),
        ("/home/jane/mmlu", [law("²", "anatomy")], False),
    ],
)
def test_mmlu_is_known_by_where_it_came_from_or_by_its_numbers(run, source, questions, free):
    found = terms(replace(run, task="mmlu", source=source), questions)
    assert found.is_free == free
    assert ("Copyright (c) 2020 Dan Hendrycks" in found.notice) == free
