import pytest

from ggufeval.errors import DataError
from ggufeval.tasks import rows
from ggufeval.tasks.tables import Row
from ggufeval.types import Question


def question(**fields):
    return rows.question(Row("t.csv, line 7", fields), "t/law/0", "law")


def refused(**fields):
    with pytest.raises(DataError) as caught:
        question(**fields)
    return str(caught.value).removeprefix("t.csv, line 7: ")


AB = {"question": "?", "A": "a", "B": "b"}


def test_a_question():
    assert question(question=" Why?\n", choices=["a ", "\tb"], answer="B", more=1) == Question(
        "t/law/0", "law", " Why?\n", ("a ", "\tb"), 1
    )


# --- choices -------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [["x", "y", "z"], '["x", "y", "z"]', ' [\n"x","y","z"] '])
def test_choices_as_a_list(value):
    assert question(question="?", choices=value, answer=0).choices == ("x", "y", "z")


@pytest.mark.parametrize("n", range(2, 11))
def test_choices_by_letter(n):
    fields = {letter: f"is {letter}" for letter in "ABCDEFGHIJ"[:n]}
    assert question(question="?", **fields, answer=n - 1) == Question(
        "t/law/0", "law", "?", tuple(fields.values()), n - 1
    )


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_blank_columns_at_the_end_mean_fewer_choices(blank):
    assert question(**AB, C="c", D=blank, E=blank, answer="C").choices == ("a", "b", "c")


@pytest.mark.parametrize("blank", ["", " ", None])
def test_a_blank_choice_in_the_middle(blank):
    assert refused(**AB, C=blank, D="d", answer="A") == (
        f"expected text for the choice C, found {blank!r}. Fill it in."
    )


def test_a_letter_left_out():
    assert refused(**AB, D="d", answer="A") == (
        "expected text for the choice C, found None. Fill it in."
    )


@pytest.mark.parametrize("n", [0, 1, 11])
def test_too_few_or_too_many(n):
    message = f"expected 2 to 10 choices, found {n}. Remove the question or mend its choices."
    assert refused(question="?", choices=["x"] * n, answer=0) == message
    letters = dict.fromkeys("AB", "") | dict.fromkeys("ABCDEFGHIJK"[:n], "x")
    assert refused(question="?", **letters, answer=0) == message


def test_a_column_k_is_no_choice_where_there_is_no_j():
    assert question(**AB, K="a thousand", answer="A").choices == ("a", "b")


def test_a_choice_that_is_no_text():
    assert refused(question="?", choices=["1", 2], answer=0) == (
        "expected text for the choice B, found 2. Fill it in."
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("yes;no", "'yes;no'"),
        ("['yes', 'no']", "\"['yes', 'no']\""),
        ('{"A": "yes"}', "{'A': 'yes'}"),
        ({"text": ["yes", "no"]}, "{'text': ['yes', 'no']}"),
        (None, "None"),
    ],
)
def test_choices_that_are_no_list(value, found):
    assert refused(question="?", choices=value, answer=0) == (
        f'expected choices as a list, in CSV as JSON such as ["yes", "no"], found {found}.'
    )


# --- answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["C", "c", " C ", 2, "2", " 2\n"])
def test_an_answer(value):
    assert question(question="?", choices=["x"] * 4, answer=value).answer == 2


@pytest.mark.parametrize(
    "value",
    ["E", "e", 4, "4", -1, "-1", 1.0, "1.0", True, None, "", "x", "AB", "²", "٢", "10", "02", [1]],
)
def test_an_answer_that_is_none(value):
    assert refused(question="?", choices=["x"] * 4, answer=value) == (
        "expected a letter from A to D or a number from 0 to 3 in the column answer, "
        f"found {value!r}."
    )


def test_long_text_is_cut_in_the_message():
    assert len(refused(**AB, answer="because " * 1000)) < 150


# --- columns and text ----------------------------------------------------------------------


def test_missing_columns():
    assert refused(Question="?", A="x", C="y", label=1) == (
        "expected the columns question, answer and choices (or A, B, ...), missing 'question' and "
        "'answer' and 'choices' (or 'A', 'B', ...). Found: Question, A, C, label."
    )


def test_no_columns():
    assert refused().endswith("Found: none.")


def test_choices_twice():
    assert refused(**AB, choices=["a", "b"], answer=0) == (
        "expected choices or A, B, ..., found both. Leave out one of them."
    )


@pytest.mark.parametrize("stem", ["", " \n", None, 7])
def test_an_empty_question(stem):
    assert refused(question=stem, choices=["x", "y"], answer=0) == (
        f"expected text for the question, found {stem!r}. Fill it in."
    )


def test_half_a_surrogate_pair():
    assert refused(question="a\ud83d?", choices=["x", "y"], answer=0) == (
        "the question holds half of a surrogate pair, \\ud83d, which is no character. "
        "Write the character itself."
    )
