"""The rows of one of Meta's evals data sets: MMLU in the very prompts that Meta sent, and what its
model answered to them.

Columns: input_final_prompts, input_question, input_choice_list, input_correct_responses and
subtask_name; and, if it is there, output_parsed_answer. In CSV the lists are written as JSON or as
Python writes them.
"""

from __future__ import annotations

import ast
import json
import re
import reprlib
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ggufeval.errors import DataError, UsageError
from ggufeval.tasks import files, hub, mmlu, rows, tables
from ggufeval.tasks.source import Source, Task
from ggufeval.tasks.tables import Row
from ggufeval.types import LETTERS, Question

NAME = "meta-rows"
REPO = "meta-llama/Llama-3.2-1B-Instruct-evals"
PROMPTS, STEM, CHOICES = "input_final_prompts", "input_question", "input_choice_list"
RESPONSES, SUBTASK = "input_correct_responses", "subtask_name"
COLUMNS = (PROMPTS, STEM, CHOICES, RESPONSES, SUBTASK)
RECORDED = "output_parsed_answer"
_PUBLISHED = ".gzip"
"""`Details_mmlu_....parquet.gzip` is how Meta's files are called."""
_SAID = re.compile(r"\W*([A-J])\W*")


def load(data: Path | None, *, offline: bool) -> Source:
    """`data` is a saved file, or the name of a repository that is none on the disk."""
    suffix = "" if data is None else data.suffix.lower()
    if suffix == _PUBLISHED:  # parquet in spite of its name
        suffix = ".parquet"
    if data is not None and data.is_file() and suffix in files.READERS:
        text, found = str(data), files.READERS[suffix](data)
    elif data is None or not data.exists():
        repository = REPO if data is None else data.as_posix()
        text, paths = hub.details(repository, offline=offline)
        found = (row for path in paths for row in tables.parquet_rows(path))
    else:
        raise UsageError(
            f"--task {NAME} reads a file of Meta's rows (.csv, .jsonl, .parquet) or the name of a "
            f"data set on the hub, found {data}."
        )
    return _source(text, found)


def is_repository(data: Path) -> bool:
    """Whether the path reads `OWNER/NAME`, and not as that of a file that is missing."""
    name = re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", data.as_posix())
    return name is not None and data.suffix.lower() not in files.READERS


def _source(text: str, found: Iterator[Row]) -> Source:
    counts: Counter[str] = Counter()
    questions: list[Question] = []
    recorded: dict[str, int | None] = {}
    for row in found:
        _check_columns(row)
        subject = _subject(row)
        asked = _question(row, f"{NAME}/{subject}/{counts[subject]}", subject)
        counts[subject] += 1
        questions.append(asked)
        if RECORDED in row.fields:
            recorded[asked.id] = _letter(row.fields[RECORDED], len(asked.choices))
    if not questions:
        raise DataError(f"{text} holds no rows: expected one for each question. Save it again.")
    notes = mmlu.deviations(text, [("test questions", mmlu.N_TEST, len(questions))])
    if unread := sum(letter is None for letter in recorded.values()):
        notes += (f"{unread:,} of {len(recorded):,} recorded answers ({RECORDED}) name no choice.",)
    if unread == len(recorded):
        recorded = {}
    return Source(NAME, text, tuple(questions), None, notes, recorded)


def _check_columns(row: Row) -> None:
    if missing := [name for name in COLUMNS if name not in row.fields]:
        raise DataError(
            f"{row.place}: expected the columns of Meta's rows, missing {', '.join(missing)}. "
            f"Found: {', '.join(row.fields) or 'none'}. Own questions go without --prompt {NAME}."
        )


def _subject(row: Row) -> str:
    """`clinical_knowledge` of `mmlu_chat.clinical_knowledge`."""
    name = rows.text(row, row.fields[SUBTASK], SUBTASK)
    return rows.text(row, name.rpartition(".")[2], f"subject in {SUBTASK}")


def _question(row: Row, identifier: str, subject: str) -> Question:
    choices = _choices(row)
    prompts = _parsed(row.fields[PROMPTS])
    if not isinstance(prompts, list) or len(prompts) != 1:
        raise _refusal(row, PROMPTS, "a list of one prompt")
    gold = _parsed(row.fields[RESPONSES])
    answer = _letter(gold[0], len(choices)) if isinstance(gold, list) and gold else None
    if answer is None:
        letters = ", ".join(LETTERS[: len(choices)])
        raise _refusal(row, RESPONSES, f"a list that begins with one of {letters}")
    return Question(
        identifier,
        subject,
        rows.text(row, row.fields[STEM], STEM),
        choices,
        answer,
        prompt=rows.text(row, prompts[0], f"prompt in {PROMPTS}"),
    )


def _choices(row: Row) -> tuple[str, ...]:
    """Those of a dict from A onwards. Parquet fills it up with None where a row has fewer."""
    found = _parsed(row.fields[CHOICES])
    texts = {}
    if isinstance(found, dict):
        texts = {key: text for key, text in found.items() if text is not None}
    names = [*string.ascii_uppercase[: len(texts)]]
    if not texts or sorted(map(str, texts)) != names:
        raise _refusal(row, CHOICES, "a text for each of A, B, ...")
    rows.check_number(row, len(names))
    return tuple(rows.text(row, texts[name], f"choice {name}") for name in names)


def _refusal(row: Row, column: str, expected: str) -> DataError:
    return DataError(
        f"{row.place}: expected {expected} in {column}, found "
        f"{reprlib.repr(row.fields[column])}. Save the rows again as they are."
    )


def _parsed(value: object) -> object:
    """What a text spells, in JSON or in Python; anything else, and other texts, as they are."""
    if not isinstance(value, str):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            parsed: object = read(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return parsed
    return value


def _letter(value: object, n_choices: int) -> int | None:
    """The index of a choice's letter, which some copies have in quotes or brackets; else None."""
    said = _SAID.fullmatch(str(value))
    index = LETTERS.index(said[1]) if said else n_choices
    return index if index < n_choices else None


TASK = Task(
    NAME, "Meta's own prompts and answers to MMLU, from the hub or --data", load, is_repository
)
