"""Subjects and categories: the formulas of the whole, on a part of the questions."""

import pytest

from ggufeval.errors import ComparisonError
from ggufeval.stats import compare
from ggufeval.stats.categories import CATEGORIES, NONE, category
from ggufeval.stats.intervals import stratified, wilson
from ggufeval.stats.paired import mover
from ggufeval.types import Design


def test_each_of_57_subjects_has_one_category():
    sizes = {name: len(subjects.split()) for name, subjects in CATEGORIES.items()}
    assert sizes == {"STEM": 18, "humanities": 13, "social sciences": 12, "other": 14}
    assert len({s for subjects in CATEGORIES.values() for s in subjects.split()}) == 57


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("anatomy", "other"),
        ("high school us history", "humanities"),
        ("econometrics", "social sciences"),
        ("machine_learning", "STEM"),
        ("law", NONE),
    ],
)
def test_category(subject, name):
    assert category(subject) == name


def runs(make_result, *letters, **settings):
    names = ("virology", "astronomy", "anatomy", "tiny")
    return [
        make_result(dict(zip(names, text, strict=False)), label=f"Tiny {i}", **settings)
        for i, text in enumerate(letters)
    ]


def test_by_subject(make_result):
    one, two, three = runs(
        make_result, ["AAB", "AB", "AA"], ["ABA", "AB", "BB"], ["AAB", "AA", "AA"]
    )
    c = compare(one, [two, three], by="subject")
    assert c.by == "subject"
    assert [(g.name, g.n) for g in c.groups] == [("anatomy", 2), ("astronomy", 2), ("virology", 3)]
    virology = c.groups[2]
    assert virology.accuracies == (wilson(2, 3), wilson(2, 3), wilson(2, 3))
    assert virology.differences == (mover([1], [1], [3], [1.0]), mover([0], [0], [3], [1.0]))
    assert c.groups[1].differences[1] == mover([0], [1], [2], [1.0])


def test_by_category(make_result):
    one, two = runs(make_result, ["AAB", "AB", "AA", "A"], ["ABA", "AB", "BB", "A"])
    c = compare(one, [two], by="category")
    assert [(g.name, g.n) for g in c.groups] == [("STEM", 2), ("other", 5), (NONE, 1)]
    assert c.groups[1].differences == (mover([3], [1], [5], [1.0]),)
    assert c.groups[1].accuracies == (wilson(4, 5), wilson(2, 5))


def test_a_category_of_a_stratified_sample_is_weighted(make_result):
    kind = {
        "design": Design.STRATIFIED,
        "population": {"virology": 90, "anatomy": 10, "astronomy": 5},
    }
    one, two = runs(make_result, ["AA", "AB", "BB"], ["AB", "AB", "AB"], **kind)
    (group,) = [g for g in compare(one, [two], by="category").groups if g.name == "other"]
    assert group.accuracies[0] == stratified([0, 2], [2, 2], [0.1, 0.9])
    assert group.differences[0] == mover([0, 1], [1, 0], [2, 2], [0.1, 0.9])


def test_the_groups_add_up(make_result):
    one, two = runs(make_result, ["AAB", "AB", "AA"], ["ABA", "AB", "BB"])
    c = compare(one, [two], by="subject")
    weighted = sum(g.n * g.differences[0].value for g in c.groups) / c.n_questions
    assert weighted == pytest.approx(c.candidates[0].difference.micro.value)


def test_groups_of_a_run_by_itself(make_result):
    (one,) = runs(make_result, ["AAB", "AB"])
    assert [g.differences for g in compare(one, [], by="subject").groups] == [(), ()]


def test_without_asking_there_are_none(make_result):
    (one,) = runs(make_result, ["AAB"])
    assert (compare(one, []).by, compare(one, []).groups) == ("", ())


def test_own_subjects_have_no_category(make_result):
    result = make_result({"law": "AAB"})
    with pytest.raises(ComparisonError, match="Say --by subject"):
        compare(result, [result], by="category")
