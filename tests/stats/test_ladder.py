"""A rung's two runs as scores and one paired difference."""

from dataclasses import replace

import pytest

from ggufeval.errors import ComparisonError
from ggufeval.stats import compare, ladder, rung_result, score
from ggufeval.types import Design, QuestionSet, Rung, StudyFigure

JSON = Rung(2, "json", 0.6, 10, by_letter=False, published=StudyFigure(0.157))
LETTER = Rung(8, "meta", 0, 0, by_letter=True, otherwise="chat")
NAN = float("nan")


@pytest.fixture
def free(make_result):
    return make_result({"law": "A?B?", "art": "?AA?"}, mass=NAN, read="text", temperature=0.6)


@pytest.fixture
def constrained(make_result):
    return make_result({"law": "AAB?", "art": "AAAB"}, mass=NAN, grammar="a choice's text")


def test_scores_and_cost(free, constrained):
    found = rung_result(JSON, "json", free, constrained)
    assert (found.rung, found.style, found.unavailable) == (JSON, "json", "")
    assert (found.free.n_correct, found.free.n_unread) == (3, 4)
    assert (found.constrained.n_correct, found.constrained.n_unread) == (5, 1)
    assert found.studied is found.free
    assert found.cost.value == 2 / 8
    plain = compare(free, [constrained], allow_mismatch=True).candidates[0].difference.micro
    assert found.cost == plain
    assert found.cost.low < 2 / 8 < found.cost.high


def test_the_level_is_that_of_all_intervals(free, constrained):
    found = rung_result(JSON, "json", free, constrained, level=0.9)
    levels = {found.free.micro.level, found.constrained.macro.level, found.cost.level}
    assert levels == {0.9}


def test_only_questions_that_both_have_are_paired(make_result, constrained):
    free = make_result({"law": "AB--", "art": "----"})
    found = rung_result(JSON, "json", free, constrained)
    assert (found.free.n, found.constrained.n) == (2, 8)
    assert found.cost.value == 1 / 2


def test_equal_numbers_a_subject_are_weighed(make_result):
    drawn = {"design": Design.STRATIFIED, "population": {"law": 30, "art": 10}}
    free = make_result({"law": "BB", "art": "BB"}, **drawn)
    constrained = make_result({"law": "AB", "art": "BB"}, **drawn)
    assert rung_result(JSON, "json", free, constrained).cost.value == 0.5 * 30 / 40


def test_one_forward_pass_has_no_cost(constrained):
    found = rung_result(LETTER, "chat", None, constrained)
    assert found.free is found.cost is None
    assert found.studied is found.constrained
    assert found.style == "chat"
    assert found.constrained.micro == score(constrained).micro


def test_a_rung_that_the_model_cannot_have():
    found = rung_result(JSON, "json", None, None, "no system turn")
    assert found.unavailable == "no system turn"
    assert found.free is found.constrained is found.cost is found.studied is None


def test_without_its_free_text_a_rung_was_not_studied(constrained):
    assert rung_result(JSON, "json", None, constrained).studied is None


def test_nothing_in_common(make_result, constrained):
    with pytest.raises(ComparisonError, match="No question was answered in every run"):
        rung_result(JSON, "json", make_result({"tea": "AB"}), constrained)


def test_a_whole_ladder(make_question, free, constrained):
    questions = QuestionSet(
        task="mmlu",
        source="cais/mmlu",
        questions=(make_question(0), make_question(1, "art", n_choices=2)),
        shots={},
        population={"law": 30, "art": 10},
        design=Design.STRATIFIED,
    )
    rungs = [
        rung_result(JSON, "json", free, constrained),
        rung_result(replace(JSON, number=3), "json", None, None, "why"),
    ]
    found = ladder(free.run.model, rungs, questions)
    assert found.rungs == tuple(rungs)
    assert found.model is free.run.model
    assert (found.task, found.source, found.design) == ("mmlu", "cais/mmlu", Design.STRATIFIED)
    assert (found.n_questions, found.n_population, found.n_subjects) == (2, 40, 2)
    assert found.chance == (1 / 4 + 1 / 2) / 2
