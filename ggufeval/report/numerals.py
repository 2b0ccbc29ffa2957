"""How numbers and foreign text are written. Every report uses these, so that all say the same."""

from __future__ import annotations

import math
import unicodedata
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ggufeval.types import Estimate

MISSING = "-"

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control, format and surrogate characters, and the line and paragraph separators."""


def visible(text: str, keep: str = "") -> str:
    r"""Foreign text with everything that could steer a terminal or hide a word written out: `\x1b`.

    Labels and names come from model files and file names, which anybody may have made.
    """
    return "".join(
        c.encode("unicode_escape").decode("ascii")
        if unicodedata.category(c) in _HIDDEN and c not in keep
        else c
        for c in text
    )


def no_formula(text: str) -> str:
    """Text for a cell of CSV that no spreadsheet takes for a formula, behind an apostrophe."""
    is_one = text.lstrip().startswith(("=", "+", "-", "@")) or text.startswith(("\t", "\r"))
    return f"'{text}" if is_one else text


def clip(text: str, length: int) -> str:
    """At most `length` characters; the middle goes, since names differ at their ends."""
    if len(text) <= length:
        return text
    tail = length // 3
    return f"{text[: length - tail - 3]}...{text[-tail:]}"


def count(n: int, noun: str) -> str:
    """`1 question`, `14,042 questions`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def percent(share: float) -> str:
    """`41.23`: the sign stands in the header."""
    return f"{_hundredths(share):z.2f}" if math.isfinite(share) else MISSING


def points(difference: float) -> str:
    """`-1.23`, in percentage points, always signed."""
    return f"{_hundredths(difference):+z.2f}" if math.isfinite(difference) else MISSING


def _hundredths(share: float, rounding: str = ROUND_HALF_UP) -> Decimal:
    """Per cent to two places, halves away from zero: 41 of 160 is 25.63, however it was summed."""
    return Decimal(f"{100 * share:.9f}").quantize(Decimal("0.01"), rounding)


def percent_interval(estimate: Estimate) -> str:
    """`[40.12, 42.34]`; empty where there is none."""
    if math.isnan(estimate.low):
        return ""
    return f"[{percent(estimate.low)}, {percent(estimate.high)}]"


def points_interval(estimate: Estimate) -> str:
    return f"[{points(estimate.low)}, {points(estimate.high)}]"


def points_interval_beside(estimate: Estimate, margin: float) -> str:
    """As `points_interval`, but no end is rounded to the other side of minus the margin: the
    verdict, which follows from the sides, never contradicts what stands beside it."""
    low, high = (_on_its_side(end, -margin) for end in (estimate.low, estimate.high))
    return f"[{low:+z.2f}, {high:+z.2f}]"


def _on_its_side(share: float, limit: float) -> Decimal:
    # A millionth of a millionth is what sums of floats are off by.
    limit -= 1e-12
    ways = (ROUND_HALF_UP, ROUND_FLOOR, ROUND_CEILING)
    written = [_hundredths(share, way) for way in ways]
    kept = (w for w in written if (float(w) / 100 >= limit) == (share >= limit))
    return next(kept, written[0])


def points_up(difference: float) -> str:
    """`2.01`, rounded up, without a sign: a margin that suffices."""
    return f"{_hundredths(difference, ROUND_CEILING):z.2f}"


def size(n_bytes: float) -> str:
    """Decimal, as disks and download pages count: `271 MB`, `1.32 GB`."""
    value = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit != "GB" else f"{_three_digits(value)} GB"
        value /= 1000
    return f"{_three_digits(value)} TB"


def _three_digits(value: float) -> str:
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:,.{decimals}f}"


def rate(per_second: float) -> str:
    """`0.42`, `12.3`, `1,234`."""
    if not math.isfinite(per_second):
        return MISSING
    if 0 < per_second < 0.01:
        return "<0.01"
    return _three_digits(per_second)


def clock(seconds: float) -> str:
    """`h:mm:ss`."""
    if not math.isfinite(seconds):
        return MISSING
    if 0 < seconds < 1:
        return "<0:00:01"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}:{minutes:02}:{rest:02}"


def nats(value: float) -> str:
    """`0.0313`: of a divergence; what would be rounded to nothing is said to be small."""
    if not math.isfinite(value):
        return MISSING
    if 0 < value < 0.0001:
        return "<.0001"
    return f"{value:.4f}"


def probability(value: float) -> str:
    """Three decimals; what would be rounded to nothing is said to be small."""
    if not math.isfinite(value):
        return MISSING
    if 0 < value < 0.001:
        return "<.001"
    return f"{value:.3f}"
