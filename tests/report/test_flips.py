from dataclasses import replace

from ggufeval.report.flips import Answer, flips
from ggufeval.types import Question


def test_flipped_questions_only(comparison, results):
    found = flips(comparison, results)
    assert found.models == ("F16", "Q8_0", "Q4_K_M†", "Q2_K*")
    assert found.total == 2
    assert [flip.id for flip in found.shown] == ["mmlu/test/anatomy/7", "mmlu/test/virology/0"]
    right, wrong = Answer("C", correct=True), Answer("B", correct=False)
    assert found.shown[0].answers == (right, right, wrong, Answer("A", correct=False))


def test_ten_choices_and_an_answer_that_could_not_be_read(comparison, results):
    flip = flips(comparison, results).shown[1]
    assert flip.gold == "J"
    assert [letter for letter, _ in flip.choices] == list("ABCDEFGHIJ")
    assert flip.answers[3] == Answer("-", correct=False)


def test_without_the_reference_nothing_can_be_said(comparison, results):
    assert flips(comparison, results[1:]).models == ()
    assert flips(comparison, ()).total == 0


def test_candidates_without_a_result_are_left_out(comparison, results):
    found = flips(comparison, [results[3], results[0]])
    assert found.models == ("F16", "Q2_K*")
    assert len(found.shown[0].answers) == 2


def test_a_question_that_only_one_was_asked(comparison, results):
    shorter = replace(results[2], records=results[2].records[:1])
    found = flips(comparison, [results[0], shorter, results[3]])
    assert found.shown[1].answers[1] is None


def test_rotations_do_not_count(comparison, results):
    rotated = tuple(replace(record, rotation=1, correct=False) for record in results[1].records)
    results[1] = replace(results[1], records=results[1].records + rotated)
    assert flips(comparison, results).total == 2


def test_at_most_200_are_shown(comparison, results):
    found = flips(comparison, repeated(results, 300, "short"))
    assert (len(found.shown), found.total) == (200, 300)


def test_long_questions_leave_room_for_fewer(comparison, results):
    found = flips(comparison, repeated(results, 300, "x" * 14_900))
    assert (len(found.shown), found.total) == (10, 300)


def repeated(results, n, stem):
    """The reference right and the last model wrong, n times."""
    questions = tuple(Question(f"q/{i}", "s", stem, ("a", "b"), 0) for i in range(n))
    made = []
    for result, letter in ((results[0], 0), (results[3], 1)):
        first = replace(result.records[0], letter=letter, correct=letter == 0)
        records = tuple(replace(first, question_id=q.id) for q in questions)
        made.append(replace(result, questions=questions, records=records))
    return made
