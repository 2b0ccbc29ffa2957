"""What a re-run gave beside what the bundle says: bits, letters, margins, and what differs in the
conditions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ggufeval.bundle import fields
from ggufeval.bundle.contents import BundledRecord
from ggufeval.types import Fingerprint

_TEXTS = ("text", "parse_error")


class Outcome(StrEnum):
    IDENTICAL = "identical"
    """Every number of every record, bit for bit."""
    LETTERS = "letters"
    """Every answer; some number differs."""
    DIFFERS = "differs"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Flip:
    """An answer that is another one now."""

    question_id: str
    rotation: int
    before: int | None
    """The choice's index; None: nothing could be read."""
    now: int | None
    margin_before: float
    """Nats between the best letter and the second; NaN where there are none."""
    margin_now: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of the fingerprint that is another one here."""

    field: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Reproduction:
    """One run of a bundle, run again."""

    run_id: str
    label: str
    outcome: Outcome
    n: int = 0
    """Records compared."""
    n_all: int = 0
    """Records in the bundle."""
    n_identical: int = 0
    """Bit for bit."""
    largest_move: float = math.nan
    """Of any letter's logit, in nats; NaN where no logits were kept."""
    flips: tuple[Flip, ...] = ()
    differences: tuple[Difference, ...] = ()
    why: str = ""
    """It could not be run: a sentence."""
    new_run_id: str = ""

    @property
    def agrees(self) -> bool:
        return self.outcome in {Outcome.IDENTICAL, Outcome.LETTERS}


def compared(
    before: Sequence[BundledRecord], now: Sequence[BundledRecord]
) -> tuple[Outcome, int, float, tuple[Flip, ...]]:
    """Records of the same questions, each in any order: the outcome, how many are identical, the
    largest move of a logit, the flips."""
    by_key = {record.key: record for record in now}
    pairs = [(record, by_key[record.key]) for record in before]
    n_identical = sum(_same(*pair) for pair in pairs)
    flips = tuple(_flips(pairs))
    moves = [move for pair in pairs if not math.isnan(move := _move(*pair))]
    outcome = Outcome.LETTERS if n_identical < len(pairs) else Outcome.IDENTICAL
    if flips:
        outcome = Outcome.DIFFERS
    return outcome, n_identical, max(moves, default=math.nan), flips


def _same(before: BundledRecord, now: BundledRecord) -> bool:
    mine, theirs = fields.encode(before), fields.encode(now)
    for name in _TEXTS:  # the text's hash is always there
        del mine[name], theirs[name]
    return bool(mine == theirs)


def _move(before: BundledRecord, now: BundledRecord) -> float:
    """The largest of a record's, NaN without logits; equal infinities have not moved."""
    pairs = zip(before.letter_logits, now.letter_logits, strict=False)
    return max((0.0 if a == b else abs(a - b) for a, b in pairs), default=math.nan)


def _flips(pairs: Sequence[tuple[BundledRecord, BundledRecord]]) -> Iterator[Flip]:
    for a, b in pairs:
        if a.letter != b.letter:
            yield Flip(a.question_id, a.rotation, a.letter, b.letter, a.margin, b.margin)


def differences(before: Fingerprint, now: Fingerprint) -> tuple[Difference, ...]:
    """What of the conditions is another here, the model aside; texts of one line."""
    return tuple(
        Difference(name, *_told(_value(before, name), _value(now, name)))
        for name in before.differences(now)
    )


def _value(fingerprint: Fingerprint, name: str) -> object:
    value: object = fingerprint
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _told(before: object, now: object) -> tuple[str, str]:
    """Of two lists of properties (what a processor can do, devices) the properties that differ."""
    if isinstance(before, str) and isinstance(now, str) and "|" in before + now:
        mine, theirs = ([part.strip() for part in text.split("|")] for text in (before, now))
        only = [part for part in mine if part and part not in theirs]
        others = [part for part in theirs if part and part not in mine]
        return ", ".join(only) or "less", ", ".join(others) or "less"
    return _text(before), _text(now)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, str) and len(value) == 64:
        return f"{value[:12]}..."
    return str(value) or "unknown"


_CAUSES = {
    "build.ggml_commit": "another version of llama.cpp",
    "build.llama_cpp_python": "another version of llama.cpp",
    "build.libraries_sha256": "another build of llama.cpp",
    "build.system_info": "another processor, or other instructions of it in use",
    "build.devices": "other devices",
    "build.variables": "other GGML_ variables in the environment",
    "engine.n_gpu_layers": "other layers on the GPU",
    "engine.n_threads": "another number of threads",
    "engine.flash_attn": "flash attention",
    "engine.repack": "weights in another layout",
}
"""What each field means where it differs. The first found are the likeliest to change a logit."""


def causes(found: Sequence[Difference]) -> tuple[str, ...]:
    """In plain words, the likeliest first; empty where nothing differs that is known."""
    names = {difference.field for difference in found}
    known = [said for name, said in _CAUSES.items() if name in names]
    rest = [name for name in names if name not in _CAUSES]
    return tuple(dict.fromkeys(known + sorted(rest)))
