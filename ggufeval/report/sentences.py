"""What stands around the tables, in sentences: the heading, the finding, the legend."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ggufeval.report import numerals
from ggufeval.report.rows import (
    Row,
    has_divergence,
    n_positions,
    rows,
)
from ggufeval.report.verdicts import is_judged, summary
from ggufeval.types import LETTERS, Comparison, Design

if TYPE_CHECKING:
    from ggufeval.types import Fingerprint, Forecast, Ladder, Replication

_MOST_NAMED = 5
"""Candidates that the finding names one by one."""


def heading(comparison: Comparison) -> str:
    """Task, questions, design, prompt, reference and source, in one line."""
    run = comparison.reference.run
    n_shots = run.fingerprint.shots
    shots = numerals.count(n_shots, "shot") if n_shots >= 0 else "shots unknown"
    role = "reference" if comparison.candidates else "model"
    return (
        f"{numerals.visible(run.task)}: {questions_asked(comparison)}; "
        f"prompt style {numerals.visible(run.fingerprint.prompt_style)}, {shots}; "
        f"{_reading(run.fingerprint)}{role} {rows(comparison)[0].label}; "
        f"source {numerals.visible(run.source)}"
    )


def _reading(fingerprint: Fingerprint) -> str:
    """How the answers were read and the choices turned, where that is not as usual."""
    if fingerprint.tool:
        return f"evaluated by {numerals.visible(fingerprint.tool)}, read by {fingerprint.read}; "
    said = ""
    if fingerprint.read == "sample":
        facts = [
            f"temperature {fingerprint.temperature:g}",
            numerals.count(fingerprint.max_tokens, "token"),
            _grammar(fingerprint.grammar),
        ]
        if fingerprint.parser:
            facts.append(f"parser {numerals.visible(fingerprint.parser)}")
        said += f"read by sample ({', '.join(facts)}); "
    if fingerprint.read == "cloze":
        said += "read by cloze (per byte); "
    if fingerprint.permute == "cyclic":
        said += "every rotation of the choices; "
    return said


def _grammar(text: str) -> str:
    if not text:
        return "no grammar"
    return "a grammar of each question's choices" if text.startswith("choice ") else "a grammar"


def questions_asked(asking: Comparison | Ladder | Forecast) -> str:
    """How many of how many, and how they were drawn."""
    subjects = numerals.count(asking.n_subjects, "subject")
    asked, all_of_them = asking.n_questions, asking.n_population
    some = f"{asked:,} of {numerals.count(all_of_them, 'question')}, {subjects}"
    if isinstance(asking, Comparison) and asking.stopping:
        return f"up to {some}, in one random order"
    match asking.design:
        case Design.FULL if asked == all_of_them:
            return f"all {numerals.count(asked, 'question')}, {subjects}"
        case Design.FULL:
            return f"{some}, the rest not asked yet"
        case Design.STRATIFIED:
            each = asked / max(asking.n_subjects, 1)
            about = "" if each.is_integer() else "about "
            return f"{some}, {about}{each:,.0f} per subject"
        case Design.RANDOM:
            return f"{some}, random sample"


def at_chance(comparison: Comparison) -> str:
    """What is said in place of any judgement where the reference guesses; else empty."""
    if not comparison.reference_at_chance:
        return ""
    reference = rows(comparison)[0]
    scores = (
        f"{reference.name} scores {reference.micro}% {reference.micro_interval} where guessing "
        f"scores {numerals.percent(comparison.chance)}%"
    )
    if not comparison.candidates:
        return f"At chance: {scores}, so these questions cannot tell this model from guessing."
    return (
        f"Reference at chance: {scores}, so these questions cannot show what a quantization costs."
    )


def finding(comparison: Comparison) -> str:
    """The result in one sentence: the verdicts, or where there are none what was measured."""
    reference, *candidates = rows(comparison)
    if guessing := at_chance(comparison):
        return guessing
    if is_judged(comparison):
        return summary(comparison)
    if not candidates:
        asked = numerals.count(comparison.n_questions, "question")
        right = f"{reference.micro}% of {asked} right {reference.micro_interval}"
        return f"{reference.name} answers {right}."
    if len(candidates) == 1:
        return _finding_of_one(reference, candidates[0])
    against = f"Against {reference.name} ({reference.micro}%)"
    if len(candidates) <= _MOST_NAMED:
        each = ", ".join(f"{row.name} {row.difference}" for row in candidates)
        return f"{against}: {each} points."
    ordered = sorted(candidates, key=_difference)
    return (
        f"{against}, {len(candidates)} levels differ by {ordered[0].difference} "
        f"({ordered[0].name}) to {ordered[-1].difference} ({ordered[-1].name}) points."
    )


def _finding_of_one(reference: Row, row: Row) -> str:
    share = doubt = ""
    if row.against and 0 in row.against.micro:
        doubt = "; the interval contains 0, so these questions cannot tell the two apart"
    if reference.score.run.model.size_bytes:
        ratio = row.score.run.model.size_bytes / reference.score.run.model.size_bytes
        share = f", at {ratio:.0%} of its size"
    return (
        f"{row.name} differs from {reference.name} by {row.difference} points "
        f"{row.difference_interval}{share}{doubt}."
    )


def _difference(row: Row) -> float:
    return row.against.micro.value if row.against else 0.0


def replication(label: str, found: Replication) -> str:
    """A run beside the answers that came with its questions."""
    d = found.difference
    return (
        f"{numerals.visible(label)} beside the recorded answers to the same "
        f"{numerals.count(found.n, 'question')}: {numerals.percent(found.ours.value)}% right "
        f"(macro {numerals.percent(found.ours_macro.value)}), recorded "
        f"{numerals.percent(found.theirs.value)}% (macro "
        f"{numerals.percent(found.theirs_macro.value)}); the same answer to "
        f"{numerals.percent(found.n_same / found.n)}%; lost {d.lost:,}, won {d.won:,}, difference "
        f"{numerals.points(d.micro.value)} points {numerals.points_interval(d.micro)}, "
        f"p {numerals.probability(d.mcnemar_p)}."
    )


def legend(comparison: Comparison) -> str:
    """How to read the columns."""
    level = f"{100 * comparison.reference.micro.level:g}%"
    text = f"accuracy: micro, in %, with its {level} interval"
    if comparison.candidates:
        text += (
            f"; difference: in points, with its paired {level} interval; lost: right in the "
            "reference, wrong here; won: the reverse"
        )
        if comparison.stopping:
            return f"{text}; asked: questions answered; bpw: measured bits per weight."
        text += "; p: mid-p McNemar"
        if comparison.reference_at_chance:
            text += " (-: reference at chance)"
        elif any(math.isnan(item.holm_p) for item in comparison.candidates):
            text += " (-: a question's rotations depend on one another)"
        elif len(comparison.candidates) > 1:
            text += ", Holm-corrected"
    return f"{text}; bpw: measured bits per weight."


def positions_legend(comparison: Comparison) -> str:
    """How to read the table of positions; empty where there is none."""
    n = n_positions(rows(comparison))
    if not n:
        return ""
    counted = "; lost and won count answers, one a rotation" if comparison.candidates else ""
    return (
        f"{LETTERS[0]} to {LETTERS[n - 1]}: accuracy, in %, where the right choice stands there; "
        "mean: over a question's rotations; same: % of the questions that are answered alike in "
        f"every rotation{counted}."
    )


def divergence_legend(comparison: Comparison, *, whole: bool = True) -> str:
    """How to read what is said of probabilities; empty where nothing is. `whole`: its table."""
    if not has_divergence(rows(comparison)):
        return ""
    text = (
        "KLD: divergence of the letters' probabilities from the reference's, mean, in nats (near "
        "the reference it does not tell which level is better)"
    )
    if whole:
        text += (
            ", ± its standard error; median, 99%, max: of the questions; gold moved: root mean "
            "square of the right letter's change, in % of probability"
        )
    return f"{text}; same answer: % of the answers, right or wrong."


def alarms(comparison: Comparison) -> tuple[str, ...]:
    """The statistics' alarms, safe to print."""
    return tuple(numerals.visible(alarm) for alarm in comparison.alarms)
