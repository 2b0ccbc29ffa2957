"""How much questions count, for people to whom some matter more: a table of one's own.

Columns: `weight`, a number of 0 or more, and `question_id` or `subject`; where both are there,
`question_id` decides. A row `*` is for all that the table does not name.
"""

from __future__ import annotations

import math
import reprlib
from pathlib import Path

from ggufeval.errors import DataError
from ggufeval.tasks import files, rows
from ggufeval.tasks.tables import Row
from ggufeval.types import Weights

_OTHERS = "*"


def load(path: Path) -> Weights:
    """Raises UsageError for a file that is not there or of another kind, DataError for what is
    wrong inside."""
    values: dict[str, float] = {}
    by = ""
    for row in files.table(path, "--weights"):
        by = by or _column(row)
        name = rows.text(row, row.fields.get(by), f"column {by}")
        if name in values:
            raise DataError(f"{row.place}: {name!r} has a weight already. Remove one.")
        values[name] = _weight(row)
    if not values:
        raise DataError(f"{path} holds no weights: expected rows with question_id and weight.")
    default = values.pop(_OTHERS, None)
    return Weights(str(path), by, values, default)


def _column(row: Row) -> str:
    named = [name for name in ("question_id", "subject") if name in row.fields]
    if not named or "weight" not in row.fields:
        raise DataError(
            f"{row.place}: expected the columns weight and question_id (or subject), found "
            f"{', '.join(row.fields) or 'none'}."
        )
    return named[0]


def _weight(row: Row) -> float:
    found = row.fields.get("weight")
    try:
        value = math.nan if isinstance(found, bool) else float(found)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not 0 <= value < math.inf:
        raise DataError(
            f"{row.place}: expected a finite number of 0 or more in the column weight, found "
            f"{reprlib.repr(found)}."
        )
    return value
