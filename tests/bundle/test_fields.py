"""JSON as values: every field of the type that it must have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pytest

from ggufeval.bundle import fields
from ggufeval.errors import DataError


class Kind(StrEnum):
    ONE = "one"
    TWO = "two"


@dataclass(frozen=True, slots=True)
class Inner:
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    n: int
    share: float
    done: bool
    kind: Kind
    inner: Inner
    sizes: Mapping[str, int]
    pairs: tuple[tuple[str, int, str | None], ...]
    letter: int | None = None


GOOD = Outer(
    "é\x1b", -3, 0.1, True, Kind.TWO, Inner((math.inf, -math.inf, 1.5)), {"z": 1, "a": 2},
    (("q", 0, None), ("r", 1, "x")),
)  # fmt: skip


def test_a_value_comes_back_as_it_was():
    text = fields.dumps(GOOD)
    assert fields.read(Outer, text.encode(), "here") == GOOD
    assert list(fields.read(Outer, text.encode(), "here").sizes) == ["z", "a"]


def test_nan_is_null():
    text = fields.dumps(Inner((math.nan,)))
    assert text == '{"values":[null]}'
    assert math.isnan(fields.read(Inner, text.encode(), "here").values[0])


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", 3, "here, name: expected a text, found 3"),
        ("name", "\ud800", "expected a text"),
        ("n", True, "expected a whole number, found True"),
        ("n", 1.5, "expected a whole number, found 1.5"),
        ("n", 2**63, "expected a whole number"),
        ("share", "0.1", "expected a number, found '0.1'"),
        ("share", 10**400, "expected a number"),
        ("done", 1, "expected true or false, found 1"),
        ("kind", "three", "expected one of one, two, found 'three'"),
        ("kind", [], "expected one of one, two"),
        ("inner", [], "here, inner: expected an object"),
        ("inner", {"values": {}}, "here, inner, values: expected a list"),
        ("sizes", {"a": "b"}, "here, sizes, 'a': expected a whole number"),
        ("pairs", [["q", 0]], "expected 3 values"),
        ("letter", "A", "expected a whole number"),
    ],
)
def test_another_type_is_one_sentence_with_its_place(field, value, said):
    tree = fields.encode(GOOD) | {field: value}
    with pytest.raises(DataError, match="get it again") as caught:
        fields.decode(Outer, tree, "here")
    assert said in str(caught.value)


def test_fields_that_are_missing_or_unknown_are_named():
    tree = fields.encode(GOOD)
    with pytest.raises(DataError, match="there is no field 'more'"):
        fields.decode(Outer, tree | {"more": 1}, "here")
    del tree["n"]
    with pytest.raises(DataError, match="the field 'n' is missing"):
        fields.decode(Outer, tree, "here")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"values": [NaN]}', "expected JSON, found NaN"),
        (b'{"values": [-Infinity]}', "expected JSON, found -Infinity"),
        (b'{"values": [1e999]}', "expected a number, found inf"),
        (b'{"values": [' + b"9" * 5000 + b"]}", "digits without end"),
        (b"[" * 100_000, "nesting or digits without end"),
        (b'{"values"', "expected JSON, found expecting"),
        ('{"values": "é"}'.encode("latin-1"), "expected UTF-8 text, found the byte 0xe9"),
        (b"", "expected JSON"),
    ],
)
def test_what_is_no_json_is_one_sentence(text, said):
    with pytest.raises(DataError) as caught:
        fields.read(Inner, text, "here")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
