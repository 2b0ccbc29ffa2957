"""Which questions are marked as defective: MMLU-Redux, from the hub or a file.

Gema et al., "Are We Done with MMLU?" (arXiv 2406.04127). A file has the column `error_type`, `ok`
or the kind of defect, and either `subject` and `index`, the row inside the subject's test split
counted from 0, as in `mmlu/test/<subject>/<index>`; or `question` and `choices`, as on the hub,
where questions have no number and are found by their texts.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable
from pathlib import Path

from ggufeval.errors import DataError
from ggufeval.tasks import files, hub, outline, rows, tables
from ggufeval.tasks.tables import Row
from ggufeval.types import Labels, wording

HUB = "hub"
_FINE = "ok"
_TYPE = "error_type"


def load(source: str) -> Labels:
    """The labels of `hub`, or of the file of that name.

    Raises UsageError for a file that is not there or of another kind, DataError for what is wrong
    inside, and where the hub cannot be asked.
    """
    if source == HUB:
        text, paths = hub.redux(outline.subjects())
        return _labels(text, (row for path in paths for row in tables.arrow_rows(path)))
    return _labels(source, files.table(Path(source), "--redux"))


def _labels(source: str, found: Iterable[Row]) -> Labels:
    by_id: dict[str, bool] = {}
    by_wording: dict[tuple[str, ...], bool] = {}
    for row in found:
        kind = rows.text(row, row.fields.get(_TYPE), f"column {_TYPE}")
        defective = kind.strip().casefold() != _FINE
        if {"subject", "index"} <= row.fields.keys():
            identifier = _identifier(row)
            if identifier in by_id:
                raise DataError(f"{row.place}: {identifier} has a label already. Remove one.")
            by_id[identifier] = defective
        elif {"question", "choices"} <= row.fields.keys():
            said = wording(rows.text(row, row.fields["question"], "question"), rows.listed(row))
            # MMLU has a hundred questions twice. A defect that one reader saw is one of both.
            by_wording[said] = by_wording.get(said, False) or defective
        else:
            raise DataError(
                f"{row.place}: expected the columns {_TYPE} and subject, index (or question, "
                f"choices), found {', '.join(row.fields) or 'none'}."
            )
    if not (by_id or by_wording):
        raise DataError(f"{source} holds no labels: expected rows with subject, index, {_TYPE}.")
    return Labels(source, by_id, by_wording)


def _identifier(row: Row) -> str:
    """The question's id, as `mmlu` gives it."""
    subject = rows.text(row, row.fields["subject"], "subject")
    value = row.fields["index"]
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DataError(
            f"{row.place}: expected a number from 0 in the column index, found "
            f"{reprlib.repr(value)}. Count the rows of the subject's test split from 0."
        )
    return f"mmlu/test/{subject.strip().replace(' ', '_')}/{value}"
