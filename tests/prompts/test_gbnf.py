"""Any text as a literal of llama.cpp's grammars (tests/llama/test_forms.py asks llama.cpp)."""

import pytest

from ggufeval.prompts.gbnf import literal, one_of
from ggufeval.types import AnswerForm


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '""'),
        ("plain", '"plain"'),
        ('a "b"', r'"a \"b\""'),
        ("\\", r'"\\"'),
        ("a\nb\tc\r", r'"a\nb\tc\r"'),
        ("\x00\x1b\x7f", r'"\x00\x1B\x7F"'),
        ("[A-D] | ( )*", '"[A-D] | ( )*"'),
        ("\u00e9\u4e2d\U0001f600\u2028", '"\u00e9\u4e2d\U0001f600\u2028"'),
    ],
)
def test_a_literal(text, expected):
    assert literal(text) == expected


def test_one_of_some_texts_between_others():
    assert one_of("<", ("a", "ab"), ">") == AnswerForm(
        'root ::= "<" ("a" | "ab") ">"', ("<a>", "<ab>")
    )


def test_equal_texts_are_one_alternative_and_two_answers():
    assert one_of("", ("a", "b", "a")) == AnswerForm('root ::= "" ("a" | "b")', ("a", "b", "a"))
