"""One row of a table made a question, or refused with its place and the reason."""

from __future__ import annotations

import json
import reprlib
import textwrap

from ggufeval.errors import DataError
from ggufeval.tasks.tables import Row
from ggufeval.types import LETTERS, Question

_FOUND = 300
"""Characters of the columns' names in a message."""


def question(row: Row, identifier: str, subject: str) -> Question:
    """From the columns `question`, `answer` and either `choices` or `A`, `B`, ...

    Text is kept as it is, white space included. Raises DataError.
    """
    _check_columns(row)
    stem = text(row, row.fields["question"], "question")
    choices = listed(row) if "choices" in row.fields else _lettered(row)
    return Question(identifier, subject, stem, choices, _answer(row, len(choices)))


def text(row: Row, value: object, what: str) -> str:
    """`value`, if it is text and not blank. `what` names it in the error."""
    if not isinstance(value, str) or not value.strip():
        raise DataError(
            f"{row.place}: expected text for the {what}, found {reprlib.repr(value)}. Fill it in."
        )
    if not value.isascii():
        _check_encodable(row, value, what)
    return value


def _check_encodable(row: Row, value: str, what: str) -> None:
    # JSON can spell half of a surrogate pair, which no tokenizer takes.
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{row.place}: the {what} holds half of a surrogate pair, "
            f"\\u{ord(value[error.start]):04x}, which is no character. Write the character itself."
        ) from None


def _check_columns(row: Row) -> None:
    columns = row.fields.keys()
    found = textwrap.shorten(", ".join(columns), _FOUND, placeholder=" ...") or "none"
    missing = [repr(name) for name in ("question", "answer") if name not in columns]
    if "choices" not in columns and not {"A", "B"} <= columns:
        missing.append("'choices' (or 'A', 'B', ...)")
    if missing:
        raise DataError(
            f"{row.place}: expected the columns question, answer and choices (or A, B, ...), "
            f"missing {' and '.join(missing)}. Found: {found}."
        )
    if "choices" in columns and "A" in columns:
        raise DataError(
            f"{row.place}: expected choices or A, B, ..., found both. Leave out one of them."
        )


def listed(row: Row) -> tuple[str, ...]:
    """From the column `choices`: a list, in CSV written as JSON."""
    value = row.fields["choices"]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = row.fields["choices"]
    if not isinstance(value, list):
        raise DataError(
            f"{row.place}: expected choices as a list, in CSV as JSON such as "
            f'["yes", "no"], found {reprlib.repr(value)}.'
        )
    check_number(row, len(value))
    return tuple(
        text(row, choice, f"choice {letter}")
        for letter, choice in zip(LETTERS, value, strict=False)
    )


def _lettered(row: Row) -> tuple[str, ...]:
    """From the columns `A`, `B`, ...: empty ones at the end mean fewer choices."""
    # K follows J: an eleventh choice must be refused, not dropped.
    values = [row.fields.get(letter) for letter in LETTERS + "K"]
    if values[len(LETTERS) - 1] is None:
        values = values[: len(LETTERS)]
    while values and _is_blank(values[-1]):
        values.pop()
    check_number(row, len(values))
    return tuple(
        text(row, choice, f"choice {letter}")
        for letter, choice in zip(LETTERS, values, strict=False)
    )


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def check_number(row: Row, n_choices: int) -> None:
    if not 2 <= n_choices <= len(LETTERS):
        raise DataError(
            f"{row.place}: expected 2 to {len(LETTERS)} choices, found {n_choices}. "
            "Remove the question or mend its choices."
        )


def _answer(row: Row, n_choices: int) -> int:
    value = row.fields["answer"]
    index = _index(value)
    if index is None or index >= n_choices:
        raise DataError(
            f"{row.place}: expected a letter from A to {LETTERS[n_choices - 1]} or a number from "
            f"0 to {n_choices - 1} in the column answer, found {reprlib.repr(value)}."
        )
    return index


def _index(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    if not isinstance(value, str):
        return None
    label = value.strip().upper()
    if len(label) == 1 and label in LETTERS:
        return LETTERS.index(label)
    return int(label) if label in {str(n) for n in range(len(LETTERS))} else None
