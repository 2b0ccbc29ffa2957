"""A comparison as rows of text: the one place where a number becomes a word.

Every report takes its cells from here, so that all of them say the same.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from ggufeval.report import numerals
from ggufeval.report.numerals import MISSING
from ggufeval.types import Design

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.types import (
        Candidate,
        Comparison,
        Difference,
        Divergence,
        Estimate,
        Judgement,
        ModelInfo,
        Score,
    )

STAR = "*"
"""Behind a level whose nominal types hold less than half of its weights."""
DAGGER = "†"
"""Behind a level that was made from a file that was lossy already."""
REFERENCE = "reference"
EXACT = "(exact)"
DIVERGENCE = ("KLD", "median", "99%", "max", "gold moved", "same answer")

_SEPARATORS = " -/:"
_WORD = re.compile(r"[ /:-]*[^ /:-]+[ /:-]*")
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Row:
    """One model. Empty cells where a value makes no sense, as the reference's difference."""

    score: Score
    candidate: Candidate | None
    """None for the reference."""
    label: str
    """The whole label, control characters written out."""
    name: str
    """What remains of it without the words that all labels begin with, and its marks."""
    size: str
    bits: str
    micro: str
    micro_interval: str
    macro: str
    macro_interval: str
    difference: str
    difference_interval: str
    lost: str
    won: str
    p: str
    letter_mass: str
    questions_per_second: str
    tokens_per_second: str
    time: str
    memory: str

    @property
    def against(self) -> Difference | None:
        """None for the reference."""
        return self.candidate.difference if self.candidate else None

    @property
    def asked(self) -> str:
        """Questions that were answered."""
        return f"{self.score.n:,}"

    @property
    def accuracy(self) -> str:
        return f"{self.micro} {self.micro_interval}"

    @property
    def macro_accuracy(self) -> str:
        return f"{self.macro} {self.macro_interval}".rstrip()

    @property
    def change(self) -> str:
        return f"{self.difference} {self.difference_interval}".rstrip()

    @property
    def flips(self) -> str:
        """Right->wrong and wrong->right."""
        return f"{self.lost}/{self.won}" if self.against else ""

    @property
    def judgement(self) -> Judgement | None:
        return self.candidate.judgement if self.candidate else None

    @property
    def floor(self) -> str:
        """Answers of this model that flip of themselves, in per cent, with its interval and n."""
        found = self.score.floor
        if not found:
            return ""
        share = found.share
        return f"{numerals.percent(share.value)}% {numerals.percent_interval(share)} of {found.n:,}"

    @property
    def moved(self) -> Divergence | None:
        """How far the letters' probabilities are from the reference's."""
        return self.candidate.divergence if self.candidate else None

    @property
    def kld(self) -> str:
        return numerals.nats(self.moved.mean) if self.moved else ""

    @property
    def same_answer(self) -> str:
        """Answers that are the reference's, right or wrong, in per cent."""
        return numerals.percent(self.moved.same) if self.moved else ""

    @property
    def positions(self) -> tuple[str, ...]:
        """Accuracy where the right choice stands first, second, ...; empty without rotations."""
        found = self.score.positions
        return tuple(numerals.percent(e.value) for e in found.by_position) if found else ()

    @property
    def same(self) -> str:
        """Questions answered alike in every rotation, in per cent."""
        found = self.score.positions
        return numerals.percent(found.same.value) if found else ""


def rows(comparison: Comparison) -> tuple[Row, ...]:
    """The reference's row, then one for each candidate, in the comparison's order."""
    scored: list[tuple[Score, Candidate | None]] = [(comparison.reference, None)]
    scored += [(item.score, item) for item in comparison.candidates]
    names = _names([score for score, _ in scored])
    return tuple(
        _row(comparison, score, candidate, name)
        for (score, candidate), name in zip(scored, names, strict=True)
    )


def has_letter_mass(found: Sequence[Row]) -> bool:
    """Whether any model was asked for letters, so that they have a probability."""
    return any(row.letter_mass != MISSING for row in found)


def has_macro(found: Sequence[Row]) -> bool:
    """Whether every subject counts the same in any average: not in one random order of all."""
    return any(row.macro != MISSING for row in found)


def has_divergence(found: Sequence[Row]) -> bool:
    """Whether any candidate's letters have probabilities to hold against the reference's."""
    return any(row.moved for row in found)


def divergence_cells(found: Sequence[Row]) -> tuple[tuple[str, ...], ...]:
    """Each candidate's name and figures, under `DIVERGENCE`; empty where there are none."""
    return tuple(
        (
            row.name,
            f"{row.kld} ± {numerals.nats(row.moved.standard_error)}",
            numerals.nats(row.moved.median),
            numerals.nats(row.moved.p99),
            numerals.nats(row.moved.maximum),
            numerals.percent(row.moved.gold_rms),
            row.same_answer,
        )
        for row in found
        if row.moved
    )


def n_positions(found: Sequence[Row]) -> int:
    """Of the right choice; 0 where the choices were not rotated."""
    return max(len(row.positions) for row in found)


def is_starred(model: ModelInfo) -> bool:
    return model.nominal_share < 0.5


def lossy_origin(model: ModelInfo) -> str:
    """The lossy type that it was quantized from; of written-out weights: that their level was."""
    if model.dequantized_from and model.requantized_from == model.quantized_from:
        return ""
    return model.requantized_from


def is_exact(comparison: Comparison, estimate: Estimate) -> bool:
    """Every question there is was asked, and the interval says so by having no width."""
    asked_all = comparison.n_questions == comparison.n_population
    return comparison.design is Design.FULL and asked_all and estimate.low == estimate.high


def tensor_mix(model: ModelInfo) -> str:
    """`IQ4_NL 62%, Q5_0 30%, Q8_0 8%`: per cent of the weights, what rounds to 0% left out."""
    total = sum(model.tensor_types.values()) or 1
    shares = [(n / total, kind) for kind, n in model.tensor_types.items() if n / total >= 0.005]
    shares.sort(key=lambda item: (-item[0], item[1]))
    return ", ".join(f"{numerals.visible(kind)} {share:.0%}" for share, kind in shares)


def _row(comparison: Comparison, score: Score, candidate: Candidate | None, name: str) -> Row:
    def interval(estimate: Estimate, *, signed: bool = False) -> str:
        if is_exact(comparison, estimate):
            return EXACT
        write = numerals.points_interval if signed else numerals.percent_interval
        return write(estimate)

    against, p = None, ""
    if candidate:
        against = candidate.difference
        # Against a reference that guesses, a test's p would be a judgement on noise.
        guesses = comparison.reference_at_chance
        p = MISSING if guesses else numerals.probability(candidate.holm_p)
    is_ours = not score.run.fingerprint.tool  # another program's records tell none of these
    return Row(
        score=score,
        candidate=candidate,
        label=numerals.visible(score.run.model.label),
        name=name,
        size=numerals.size(score.run.model.size_bytes) if is_ours else MISSING,
        bits=f"{score.run.model.bits_per_weight:.2f}" if is_ours else MISSING,
        micro=numerals.percent(score.micro.value),
        micro_interval=interval(score.micro),
        macro=numerals.percent(score.macro.value),
        macro_interval=interval(score.macro),
        difference=numerals.points(against.micro.value) if against else REFERENCE,
        difference_interval=interval(against.micro, signed=True) if against else "",
        lost=str(against.lost) if against else "",
        won=str(against.won) if against else "",
        p=p,
        letter_mass=numerals.probability(score.letter_mass),
        questions_per_second=numerals.rate(score.questions_per_second) if is_ours else MISSING,
        tokens_per_second=numerals.rate(score.tokens_per_second) if is_ours else MISSING,
        time=numerals.clock(score.run.seconds) if is_ours else MISSING,
        memory=numerals.size(score.run.peak_rss_bytes) if score.run.peak_rss_bytes else MISSING,
    )


def _names(scores: Sequence[Score]) -> list[str]:
    """Short names with their marks; where two are equal, their runs tell them apart."""
    names = _without_common_words([numerals.visible(score.run.model.label) for score in scores])
    uses = Counter(names)
    marked = []
    for name, score in zip(names, scores, strict=True):
        model = score.run.model
        marks = STAR * is_starred(model) + DAGGER * bool(lossy_origin(model))
        run = f" ({numerals.visible(score.run.id)[:8]})" if uses[name] > 1 else ""
        marked.append(numerals.clip(name, _LONGEST_NAME) + marks + run)
    return marked


def _without_common_words(labels: list[str]) -> list[str]:
    if len(set(labels)) < 2:
        return labels
    words = [_WORD.findall(label) for label in labels]
    same = takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False))
    # The last word stays, even where a longer label goes on behind it.
    shared = min(len(list(same)), *(len(own) - 1 for own in words))
    return ["".join(own[shared:]) for own in words] if shared > 0 else labels


def common_words(comparison: Comparison) -> str:
    """What `Row.name` leaves out: mostly the model's name. May be empty."""
    models = [comparison.reference, *(item.score for item in comparison.candidates)]
    labels = [numerals.visible(score.run.model.label) for score in models]
    return labels[0].removesuffix(_without_common_words(labels)[0]).rstrip(_SEPARATORS)
