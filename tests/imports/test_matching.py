"""Questions are known by their texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggufeval.imports.log import Answer
from ggufeval.imports.matching import match
from ggufeval.types import Question, Record

NAN = float("nan")
RECORD = Record("", "", 0, 0, True, (), NAN, NAN, NAN, -1, NAN, 0)


def ours(row, stem="Which?", answer=0, subject="law"):
    return Question(f"mmlu/test/{subject}/{row}", subject, stem, ("a", "b"), answer)


def theirs(number, stem="Which?", answer=0, subject="law"):
    return Answer(Question("", subject, stem, ("a", "b"), answer), RECORD, number, "s")


def ids(answers, *known):
    return [question.id for question in match(answers, known).questions]


def test_by_text_and_not_by_row():
    known = [ours(0, "First?"), ours(1, "Second?")]
    assert ids([theirs(0, "Second?"), theirs(1, "First?")], known) == [known[1].id, known[0].id]


@pytest.mark.parametrize("stem", ["Which?", " Which?\n", "Which?\u00a0"])
def test_white_space_and_the_subject_s_spelling_do_not_matter(stem):
    found = match([theirs(5, stem, subject="Law ")], [[ours(3)]])
    assert found.questions == (ours(3),)
    assert found.n_known == 1


@pytest.mark.parametrize(
    "other", [theirs(0, "What?"), theirs(0, answer=1), theirs(0, subject="art")]
)
def test_what_is_another_question_has_an_id_of_its_own(other):
    found = match([other], [[ours(0)]])
    (question,) = found.questions
    assert question.id.startswith(f"imported/{other.question.subject}/")
    assert found.n_known == 0
    assert found.n_other_gold == (other.question.answer == 1)


def test_of_equal_ones_the_same_row_comes_first_then_the_order():
    known = [ours(2), ours(7), ours(17)]
    assert ids([theirs(9), theirs(7), theirs(3)], known) == [
        known[2].id,
        known[1].id,
        known[0].id,
    ]


def test_more_equal_ones_than_we_have():
    found = match([theirs(2), theirs(4), theirs(6)], [[ours(4)]])
    names = [question.id for question in found.questions]
    assert names[1] == ours(4).id
    assert names[2] == f"{names[0]}-2"
    assert found.n_known == 1


def test_sets_that_overlap_are_one():
    assert ids([theirs(0), theirs(1)], [ours(0)], [ours(0), ours(1)]) == [ours(0).id, ours(1).id]


def test_the_preferred_set_gives_the_id():
    other = Question("mine/0", "law", "Which?", ("a", "b"), 0)
    assert ids([theirs(3)], [other], [ours(0)]) == ["mine/0"]


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 5)), max_size=12),
    st.lists(st.sampled_from("xyz"), max_size=12),
)
def test_every_answer_has_one_id_and_no_id_two_texts(asked, known):
    answers = [theirs(number, stem) for stem, number in asked]
    found = match(answers, [[ours(i, stem) for i, stem in enumerate(known)]])
    names = [question.id for question in found.questions]
    assert len(set(names)) == len(names) == len(answers)
    assert [q.stem for q in found.questions] == [stem for stem, _ in asked]
    for stem in "xyz":
        both = min(known.count(stem), sum(s == stem for s, _ in asked))
        paired = sum(q.stem == stem and q.id.startswith("mmlu/") for q in found.questions)
        assert paired == both
