"""Values as JSON, and back with every field held against its type: a bundle is anybody's file."""

from __future__ import annotations

import json
import math
import reprlib
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Never, TypeVar, cast, get_args, get_origin, get_type_hints

from ggufeval.errors import DataError

T = TypeVar("T")
ADVICE = "It was not written by ggufeval, or was changed since: get it again."
GREATEST = 2**63 - 1
"""Of whole numbers: more is in no database."""
_INFINITE = {"Infinity": math.inf, "-Infinity": -math.inf}
"""JSON has neither; NaN is `null`."""
_NAMES = {str: "a text", int: "a whole number", bool: "true or false", float: "a number"}


def encode(value: object) -> Any:  # noqa: ANN401 - whatever JSON has
    """A value of the dataclasses as a tree for JSON."""
    if isinstance(value, StrEnum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: encode(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [encode(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("-Infinity" if value < 0 else "Infinity")
    return value


def dumps(value: object) -> str:
    """One line of JSON, the same for the same value."""
    return json.dumps(encode(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def parse(text: bytes, place: str) -> object:
    """Raises DataError for what is no UTF-8, no JSON, or beyond its numbers."""
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        found = f"the byte 0x{error.object[error.start]:02x}"
        raise DataError(f"{place}: expected UTF-8 text, found {found}. {ADVICE}") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: expected JSON, found {error.msg.lower()}. {ADVICE}") from None
    except (ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, _NoNumberError) else "nesting or digits without end"
        raise DataError(f"{place}: expected JSON, found {said}. {ADVICE}") from None


class _NoNumberError(ValueError):
    """`NaN` and `Infinity`, which Python reads and JSON does not have."""


def _refuse(name: str) -> Never:
    raise _NoNumberError(name)


def read(kind: type[T], text: bytes, place: str) -> T:
    """The value that a piece of JSON is. Raises DataError, which names the place."""
    return cast("T", decode(kind, parse(text, place), place))


def decode(kind: Any, tree: object, place: str) -> Any:  # noqa: ANN401 - a type, and its value
    """A tree of JSON as a value of a type: dataclasses, enumerations, tuples, mappings, the plain.

    Raises DataError where anything is of another type, out of range, missing or unknown.
    """
    if is_dataclass(kind):
        return _object(cast("type", kind), tree, place)
    if get_origin(kind) is types.UnionType:  # `X | None` is all there is
        (one,) = (part for part in get_args(kind) if part is not type(None))
        return None if tree is None else decode(one, tree, place)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), tree, place)
    if get_origin(kind) is Mapping:
        found = _expect(tree, dict, "an object", place)
        inner = get_args(kind)[1]
        return {_text(k, place): decode(inner, v, f"{place}, {k[:40]!r}") for k, v in found.items()}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        known = {each.value: each for each in kind}
        if not isinstance(tree, str) or tree not in known:
            raise _refusal(place, f"one of {', '.join(known)}", tree)
        return known[tree]
    return _plain(kind, tree, place)


def _object(kind: type, tree: object, place: str) -> object:
    found = _expect(tree, dict, "an object", place)
    hints, required = _shape(kind)
    if unknown := found.keys() - hints.keys():
        raise DataError(f"{place}: there is no field {min(unknown)[:40]!r}. {ADVICE}")
    if missing := required - found.keys():
        raise DataError(f"{place}: the field {min(missing)!r} is missing. {ADVICE}")
    values = {name: decode(hints[name], v, f"{place}, {name}") for name, v in found.items()}
    return kind(**values)


@cache
def _shape(kind: type) -> tuple[dict[str, Any], frozenset[str]]:
    """Its fields with their types, and those that have no default."""
    required = (
        each.name
        for each in fields(kind)
        if each.default is MISSING and each.default_factory is MISSING
    )
    return get_type_hints(kind), frozenset(required)


def _tuple(kinds: tuple[Any, ...], tree: object, place: str) -> tuple[Any, ...]:
    found = _expect(tree, list, "a list", place)
    if kinds[-1] is not Ellipsis and len(found) != len(kinds):
        raise _refusal(place, f"{len(kinds)} values", tree)
    each = [kinds[0]] * len(found) if kinds[-1] is Ellipsis else list(kinds)
    return tuple(decode(kind, inner, place) for kind, inner in zip(each, found, strict=True))


def _plain(kind: type, tree: object, place: str) -> object:
    if kind is str:
        return _text(tree, place)
    if kind is float:
        return _float(tree, place)
    is_one = isinstance(tree, kind) and (kind is bool or not isinstance(tree, bool))
    if not is_one or (kind is int and abs(cast("int", tree)) > GREATEST):
        raise _refusal(place, _NAMES[kind], tree)
    return tree


def _text(tree: object, place: str) -> str:
    """Half a surrogate pair, which JSON can spell, is in no text."""
    if not isinstance(tree, str) or any("\ud800" <= char <= "\udfff" for char in tree):
        raise _refusal(place, "a text", tree)
    return tree


def _float(tree: object, place: str) -> float:
    if tree is None:
        return math.nan
    if isinstance(tree, str) and tree in _INFINITE:
        return _INFINITE[tree]
    if isinstance(tree, int | float) and not isinstance(tree, bool):
        value = float(tree) if abs(tree) <= 1e300 else math.inf
        if math.isfinite(value):
            return value
    raise _refusal(place, "a number", tree)


def _expect(tree: object, kind: type[T], name: str, place: str) -> T:
    if not isinstance(tree, kind):
        raise _refusal(place, name, tree)
    return tree


def _refusal(place: str, expected: str, found: object) -> DataError:
    return DataError(f"{place}: expected {expected}, found {reprlib.repr(found)}. {ADVICE}")
