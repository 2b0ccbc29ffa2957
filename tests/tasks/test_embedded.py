from collections import Counter
from pathlib import Path

import pytest

from ggufeval import tasks
from ggufeval.errors import UsageError
from ggufeval.tasks import embedded
from ggufeval.types import Design


@pytest.fixture(scope="module")
def source():
    return embedded.load(None, offline=True)


def test_as_a_task(source):
    questions = tasks.load("sample", None, offline=True)
    assert questions.task == "sample"
    assert questions.source == "embedded"
    assert questions.design is Design.FULL
    assert questions.questions == source.questions
    assert questions.notes == ()


def test_there_are_enough(source):
    subjects = Counter(question.subject for question in source.questions)
    assert len(subjects) >= 16
    assert set(subjects.values()) == {10}
    assert {subject: len(group) for subject, group in source.shots.items()} == dict.fromkeys(
        subjects, 5
    )


def test_ids(source):
    everything = [*source.questions, *(dev for group in source.shots.values() for dev in group)]
    ids = [question.id for question in everything]
    assert len(set(ids)) == len(ids)
    assert source.questions[0].id == "sample/test/anatomy/0"
    assert source.shots["anatomy"][4].id == "sample/dev/anatomy/4"
    assert all(question.subject in question.id.split("/") for question in everything)


def test_the_right_letters_are_balanced(source):
    letters = Counter(question.answer for question in source.questions)
    n = len(source.questions)
    assert set(letters) == {0, 1, 2, 3}
    assert all(0.2 * n <= count <= 0.3 * n for count in letters.values()), letters


def test_each_has_four_different_choices(source):
    for question in (*source.questions, *(d for group in source.shots.values() for d in group)):
        assert len(question.choices) == 4
        assert len({choice.strip().lower() for choice in question.choices}) == 4, question.id


def test_no_question_twice(source):
    stems = [q.stem for q in (*source.questions, *(d for g in source.shots.values() for d in g))]
    assert [stem for stem, n in Counter(stems).items() if n > 1] == []


def test_no_white_space_around(source):
    for question in source.questions:
        for text in (question.stem, *question.choices):
            assert text == text.strip(), question.id


def test_it_takes_no_data(tmp_path):
    with pytest.raises(UsageError) as caught:
        embedded.load(Path(tmp_path), offline=False)
    assert str(caught.value) == (
        "--task sample has its questions inside and takes no --data. Drop one."
    )
