"""In which order questions are put."""

from dataclasses import replace

from ggufeval.job import _in_plan_order
from ggufeval.types import Design, Question, QuestionSet

TEXT = "This question refers to the following report. " * 6


def ask(name, subject, stem):
    return Question(name, subject, stem, ("a", "b"), 0)


QUESTIONS = (
    ask("1", "history", TEXT + "Who?"),
    ask("2", "history", "When was it?"),
    ask("3", "law", TEXT + "Why?"),
    ask("4", "history", TEXT + "Where?"),
    ask("5", "law", TEXT + "How?"),
)
SET = QuestionSet("own", "", QUESTIONS, {}, {"law": 2, "history": 3}, Design.FULL)


def order(questions):
    return [question.id for question in _in_plan_order(questions)]


def test_those_of_a_subject_and_those_on_one_text_stand_together():
    assert order(SET) == ["1", "4", "2", "3", "5"]


def test_in_each_round():
    assert order(replace(SET, rounds=(3, 2))) == ["3", "1", "2", "5", "4"]


def test_others_stand_as_they_are_given():
    questions = tuple(ask(str(i), "law", f"Question {i}?") for i in (3, 1, 2))
    assert order(replace(SET, questions=questions)) == ["3", "1", "2"]
