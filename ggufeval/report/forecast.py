"""What a sweep or a run would do, as a terminal's table and sentences, and as JSON.

The JSON is one object with the fields of `ggufeval.types.Forecast` as they are named there, bytes,
seconds and shares in [0, 1], and before them `schema`: 1, raised when a key changes its meaning or
goes. What is not known is null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TextIO

from ggufeval.report import numerals
from ggufeval.report.jsonfile import finite
from ggufeval.report.page import DEFAULT_WIDTH, Column, Page, terminal_of
from ggufeval.report.sentences import questions_asked
from ggufeval.types import Origin, Surety

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ggufeval.types import FamilyForecast, Forecast, LevelForecast

SCHEMA = 1
_UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class _Row:
    """A level in words."""

    name: str
    what: str
    tokens: str
    time: str
    memory: str


_COLUMNS: tuple[Column[_Row], ...] = (
    Column("level", lambda row: row.name, right=False),
    Column("what happens", lambda row: row.what, right=False, folds=True),
    Column("tokens", lambda row: row.tokens),
    Column("time", lambda row: row.time),
    Column("memory", lambda row: row.memory),
)


def render(forecast: Forecast, stream: TextIO | None = None) -> str:
    """With width and colours that suit the stream."""
    width, color = terminal_of(stream)
    return draw(forecast, width, color=color)


def draw(forecast: Forecast, width: int = DEFAULT_WIDTH, *, color: bool = False) -> str:
    from rich.text import Text

    page = Page(width, color=color)
    name = "Dry run" if forecast.alpha else "Estimate"
    page.say(f"{name}: nothing is downloaded, quantized or stored.", style="bold")
    page.say(_heading(forecast))
    for family in forecast.families:
        title, names = _names(family.levels)
        page.say()
        if title:
            page.say(title, style="bold")
        rows = [_row(level, family, names) for level in family.levels]
        page.show(rows, [_COLUMNS], lambda column, row: Text(column.cell(row)))
    page.say()
    for sentence in sentences(forecast):
        page.say(sentence)
    for level in forecast.levels:
        if level.trouble:
            page.say(f"Alarm: {numerals.visible(level.trouble)}", style="yellow")
    return page.text()


def to_json(forecast: Forecast, _stream: TextIO | None = None) -> str:
    """One object, indented, ASCII only."""
    tree = {"schema": SCHEMA, **asdict(forecast)}
    return json.dumps(finite(tree), indent=2, allow_nan=False) + "\n"


FORMATS: Mapping[str, Callable[[Forecast, TextIO | None], str]] = {
    "table": render,
    "json": to_json,
}


def _heading(forecast: Forecast) -> str:
    read = "" if forecast.read == "letter" else f"; read by {forecast.read}"
    return (
        f"{numerals.visible(forecast.task)}: {questions_asked(forecast)}; prompt style "
        f"{numerals.visible(forecast.prompt)}, {numerals.count(forecast.shots, 'shot')}{read}; "
        f"source {numerals.visible(forecast.source)}"
    )


# --- the table -----------------------------------------------------------------------------


def _names(levels: Iterable[LevelForecast]) -> tuple[str, dict[str, str]]:
    """What all labels begin with, and label -> its rest; no title where they share nothing."""
    labels = [label for level in levels for label in (level.label, level.base) if label]
    heads = {label.rpartition(" ")[0] for label in labels}
    if len(heads) > 1 or "" in heads:
        return "", {label: numerals.visible(label) for label in labels}
    return numerals.visible(heads.pop()), {
        label: numerals.visible(label.rpartition(" ")[2]) for label in labels
    }


def _row(level: LevelForecast, family: FamilyForecast, names: Mapping[str, str]) -> _Row:
    tokens = numerals.MISSING
    if not level.is_finished:
        tokens = _tokens(level.n_tokens, family.tokens_surety)
    time = _UNKNOWN if level.seconds is None else numerals.clock(level.seconds)
    memory = _UNKNOWN
    if level.memory_bytes is not None:
        memory = _sized(level.memory_bytes, level.memory_surety)
    return _Row(
        names[level.label],
        _what(level, names),
        tokens,
        numerals.MISSING if level.is_finished else time,
        memory,
    )


def _what(level: LevelForecast, names: Mapping[str, str]) -> str:
    fetch = f"download {numerals.size(level.to_fetch)}"
    match level.origin:
        case Origin.HERE:
            said = "on disk"
        case Origin.FETCHED:
            said = fetch if level.to_fetch else "in the hub's cache"
        case Origin.MADE:
            said = f"made from {names[level.base]}"
            said += f" ({fetch})" if level.to_fetch else ""
            if level.size_bytes:
                said += f", {numerals.size(level.size_bytes)}"
    if level.trouble:
        return f"{said}; would fail"
    if level.run_id:
        return f"{said}; {'finished' if level.is_finished else 'begun'}: run {level.run_id}"
    return said


def _tokens(n: int, surety: Surety) -> str:
    if surety is Surety.EXACT:
        return f"{n:,}"
    return f"about {float(f'{n:.2g}'):,.0f}"


def _sized(n_bytes: int, surety: Surety) -> str:
    words = {Surety.EXACT: "", Surety.ABOUT: "about ", Surety.LEAST: "over "}
    return words[surety] + numerals.size(n_bytes)


# --- the sentences -------------------------------------------------------------------------


def sentences(forecast: Forecast) -> Iterator[str]:
    """What all levels take together, and what they could show."""
    n_bytes = sum(level.to_fetch for level in forecast.levels)
    yield f"Download: {numerals.size(n_bytes)} in all." if n_bytes else "Download: nothing."
    yield from _disks(forecast)
    yield _all_tokens(forecast)
    yield from _time(forecast)
    yield _memory(forecast)
    for family in forecast.families:
        if family.detectable:
            yield _outlook(forecast, family)


def _disks(forecast: Forecast) -> Iterator[str]:
    if not forecast.disks:
        yield "Disk: nothing is written but the results."
    for disk in forecast.disks:
        said = (
            f"Disk: {_sized(disk.needed, disk.surety)} needed, {numerals.size(disk.free)} free "
            f"in {numerals.visible(disk.folder)}."
        )
        if disk.needed > disk.free:
            said += " Too little: make room, or set HF_HOME and GGUFEVAL_CACHE to another disk."
        yield said
    levels = [level for level in forecast.levels if not level.trouble]
    made = [level for level in levels if level.origin is Origin.MADE]
    if unknown := [level.label for level in made if level.size_bytes is None]:
        names = ", ".join(map(numerals.visible, unknown))
        yield f"How large {names} will be is not known before what it is made from is here."


def _all_tokens(forecast: Forecast) -> str:
    left = [
        (level.n_tokens, family.tokens_surety)
        for family in forecast.families
        for level in family.levels
    ]
    guessed = any(surety is Surety.ABOUT for n, surety in left if n)
    n = _tokens(sum(n for n, _ in left), Surety.ABOUT if guessed else Surety.EXACT)
    how = ", by the length of the texts" if guessed else ""
    return f"Tokens to decode: {n} in all{how}."


def _time(forecast: Forecast) -> Iterator[str]:
    levels = [level for level in forecast.levels if not level.is_finished]
    if not levels:
        printed = " Without --dry-run the comparison is printed." if forecast.alpha else ""
        yield f"Time: none, all of it is finished.{printed}"
        return
    known = [level for level in levels if level.seconds is not None]
    if not known and forecast.read == "sample":
        yield (
            "Time: not known: how long the texts will be, nobody knows before some are written. "
            "An earlier run that wrote with this prompt would tell."
        )
        return
    if not known:
        yield (
            "Time: not known before a file is here, on which the speed of this machine can be "
            "measured."
        )
        return
    seconds = sum(level.seconds or 0 for level in known)
    of_some = "" if len(known) == len(levels) else " for those whose speed is known"
    beside = any(level.origin is not Origin.HERE for level in levels)
    also = ", beside downloading and quantizing" if beside else ""
    yield (
        f"Time: about {numerals.clock(seconds)} in all{of_some}{_between(known)} on this "
        f"machine{also}. "
        f"{_paces(forecast, known)}"
    )


def _between(levels: Sequence[LevelForecast]) -> str:
    """If all went as the fastest, and as the slowest, of what their times stand on."""
    ends = [level.between for level in levels if level.between]
    if len(ends) < len(levels):
        return ""
    low, high = (numerals.clock(sum(seconds)) for seconds in zip(*ends, strict=True))
    return f" ({low} to {high})"


def _paces(forecast: Forecast, levels: Iterable[LevelForecast]) -> str:
    """What the times stand on."""
    short: dict[str, str] = {}
    for family in forecast.families:
        short |= _names(family.levels)[1]
    unit = "questions/s" if forecast.read == "sample" else "tokens/s"
    said: dict[str, list[str]] = {}
    for level in levels:
        if (pace := level.pace) is None:
            continue
        how = "measured now"
        if pace.of:
            how = f"taken to be as fast as {short[pace.of]}"
        elif pace.run_id:
            how = f"as in run {pace.run_id}"
        rate = "" if pace.of else f", {numerals.rate(pace.per_second)} {unit}"
        said.setdefault(how, []).append(f"{short[level.label]}{rate}{_between([level])}")
    return " ".join(f"{_begun(how)}: {'; '.join(names)}." for how, names in said.items())


def _memory(forecast: Forecast) -> str:
    left = [level for level in forecast.levels if not level.is_finished]
    known = [level for level in left or forecast.levels if level.memory_bytes is not None]
    total, available = map(numerals.size, (forecast.memory_total, forecast.memory_available))
    here = f"this machine has {total}, {available} of them available"
    if forecast.memory_is_limit:
        here = f"--memory-limit allows {total}"
    if not known:
        return f"Memory: not known before a file is here; {here}."
    most = max(known, key=lambda level: level.memory_bytes or 0)
    needed = _sized(most.memory_bytes or 0, most.memory_surety)
    return f"Memory: {needed} for the largest level (one runs at a time); {here}."


def _outlook(forecast: Forecast, family: FamilyForecast) -> str:
    (share, margin), *others = family.detectable
    further = ", ".join(f"with {100 * f:g}% {numerals.points_up(h)}" for f, h in others)
    k = numerals.count(len(family.levels) - 1, "level")
    said = (
        f"What it could show: that a level which flips {100 * share:g}% of the answers between "
        f"right and wrong, and loses none on balance, loses no more than "
        f"{numerals.points_up(margin)} points on questions like these; {further} points "
        f"({numerals.count(forecast.n_questions, 'question')}, {k} against a reference, alpha "
        f"{forecast.alpha:g})."
    )
    if all(least > forecast.margin for _, least in family.detectable):
        said += (
            f" None of it reaches --margin {100 * forecast.margin:g}: ask more questions, or "
            "widen it."
        )
    return said


def _begun(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
