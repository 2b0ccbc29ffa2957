"""MMLU as large as it is, where it is not on the disk."""

from __future__ import annotations

import pytest

from ggufeval import tasks
from ggufeval.errors import DataError
from ggufeval.tasks import hub, mmlu, outline
from ggufeval.types import Design


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))


def test_it_is_as_large_as_mmlu():
    source = outline.mmlu()
    assert len(source.questions) == mmlu.N_TEST
    assert len({question.id for question in source.questions}) == mmlu.N_TEST
    assert sum(map(len, source.shots.values())) == mmlu.N_DEV
    assert len(source.shots) == mmlu.N_SUBJECTS


def test_questions_are_drawn_from_it_as_from_mmlu():
    found = tasks.load(None, None, limit=570, fetch=False)
    assert found.is_outline
    assert found.source == hub.SOURCE
    assert found.design is Design.STRATIFIED
    assert len(found.questions) == 570
    assert found.population["professional_law"] == 1534
    assert "not on this disk" in found.notes[0]


def test_mmlu_that_is_here_is_read(monkeypatch):
    monkeypatch.setattr(hub, "is_cached", lambda: True)
    with pytest.raises(DataError, match=r"A dry run fetches nothing\.|No such file|cannot"):
        tasks.load("mmlu", None, fetch=False)


def test_other_questions_are_what_they_are():
    assert not tasks.load("sample", None, limit=32, shots=1, fetch=False).is_outline
