"""What styles have in common."""

import pytest

from ggufeval.prompts.style import answers, choice_lines, letters


@pytest.mark.parametrize(
    ("n", "expected"), [(2, "AB"), (3, "ABC"), (4, "ABCD"), (5, "ABCDE"), (10, "ABCDEFGHIJ")]
)
def test_a_question_has_a_letter_for_each_choice(with_choices, n, expected):
    assert letters(with_choices(n)) == expected


def test_choices_are_lines_and_keep_their_white_space(question):
    assert choice_lines(question) == "A. A stone\nB.  air \nC. c\nD. "


def test_answers_with_and_without_a_space(with_choices):
    assert answers(with_choices(3), " ") == (" A", " B", " C")
    assert answers(with_choices(3), "") == ("A", "B", "C")
