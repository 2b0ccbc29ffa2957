"""What a quantization costs, said in words: within the margin, worse, or undecided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ggufeval.report import numerals
from ggufeval.report.rows import Row, rows
from ggufeval.types import Design, Verdict

if TYPE_CHECKING:
    from ggufeval.types import Comparison, Judgement

_MOST_NAMED = 5
"""Candidates whose figures are named one by one."""
_SAME_SIZE = 1.05
"""Up to this ratio two files are of one size."""


def is_judged(comparison: Comparison) -> bool:
    """Whether there are verdicts."""
    return any(item.judgement for item in comparison.candidates)


def verdicts(comparison: Comparison) -> tuple[str, ...]:
    """A sentence a candidate; or why there is none; nothing where the reference is at chance."""
    if comparison.unjudged:
        return (comparison.unjudged,)
    reference, *candidates = rows(comparison)
    return tuple(_verdict(comparison, reference, row) for row in candidates if row.judgement)


def summary(comparison: Comparison) -> str:
    """All verdicts in one sentence, without numbers."""
    reference, *candidates = rows(comparison)
    if len(candidates) == 1:
        return verdicts(comparison)[0]
    groups = []
    for kind in (Verdict.WITHIN, Verdict.UNDECIDED, Verdict.WORSE):
        names = [r.name for r in candidates if r.judgement and r.judgement.verdict is kind]
        if names:
            groups.append(f"{_said(comparison, kind).removesuffix(' of')}: {', '.join(names)}")
    return f"Against {reference.name} ({reference.micro}%), {'; '.join(groups)}."


def basis(comparison: Comparison) -> str:
    """What the verdicts stand on: population, error, and what n allowed; empty without any."""
    judged = [(row.name, row.judgement) for row in rows(comparison) if row.judgement]
    if not judged:
        return ""
    if comparison.stopping:
        return _early(comparison)
    n, level = comparison.n_questions, judged[0][1].interval.level
    who = "it" if len(judged) == 1 else f"one of the {len(judged)}"
    said = (
        f"Verdicts hold the loss on questions like these against {_margin(comparison)}, with "
        f"{100 * level:.4g}% intervals{_noise(judged)}; roughly "
        f"{100 * comparison.alpha:g}% of the time is {who} false. The smallest margin that "
        f"{numerals.count(n, 'question')} could have cleared, with as many flips and no loss: "
        f"{_detectable(judged)} points."
    )
    if comparison.design is Design.FULL and n == comparison.n_population:
        said += (
            " Every question was asked: for these very questions the differences are exact, but "
            f"for {_arithmetic(judged)}the arithmetic of another machine."
        )
    return said


def _verdict(comparison: Comparison, reference: Row, row: Row) -> str:
    assert row.judgement  # noqa: S101 - the caller has looked
    judged = row.judgement
    of_reference = "" if judged.verdict is Verdict.UNDECIDED else f" {reference.name}"
    return (
        f"{row.name}: {_said(comparison, judged.verdict)}{of_reference}, {row.difference} points "
        f"{numerals.points_interval_beside(judged.interval, comparison.margin)}"
        f"{_after(comparison, judged)}{_size(reference, row)}."
    )


def _after(comparison: Comparison, judged: Judgement) -> str:
    n = judged.n_stop
    if not n or n >= comparison.n_population:
        return ""
    return f" after {numerals.count(n, 'question')}"


def _early(comparison: Comparison) -> str:
    """What verdicts stand on where runs ended early, and what that saved."""
    n_plan, level = comparison.n_population, comparison.candidates[0].difference.micro.level
    asked = [comparison.reference.n, *(item.score.n for item in comparison.candidates)]
    saved = 1 - sum(asked) / (len(asked) * n_plan)
    whole = sum(comparison.reference.run.population.values())
    drawn = f" (a random sample of {whole:,})" if whole > n_plan else ""
    held = (
        f"Verdicts hold the loss on all {n_plan:,} questions{drawn} against {_margin(comparison)}"
    )
    who = "it" if len(asked) == 2 else f"one of the {len(asked) - 1}"
    false = f"at most {100 * comparison.alpha:g}% of the time is {who} false"
    if comparison.stopping == "verdict":
        how = (
            f"{held}, by a sequential test that may be looked at after every question: {false}. "
            f"The intervals are confidence sequences ({100 * level:g}%), valid wherever one stops; "
            "a difference that stopped early is biased outwards."
        )
    else:
        how = (
            f"{held}: the reference answered all of them, each level a random sample of a size "
            f"that was fixed beforehand, sorted by what the reference got right "
            f"(post-stratification); roughly {false.removeprefix('at most ')}."
        )
    return f"{how} {100 * saved:.0f}% of the questions of {len(asked)} whole runs were not asked."


def _said(comparison: Comparison, verdict: Verdict) -> str:
    margin = _margin(comparison)
    match verdict:
        case Verdict.WITHIN:
            return f"within {margin} of"
        case Verdict.WORSE:
            return f"over {margin} below"
        case Verdict.UNDECIDED:
            return "undecided"


def _margin(comparison: Comparison) -> str:
    points = f"{100 * comparison.margin:g}"
    return "1 point" if points == "1" else f"{points} points"


def _size(reference: Row, row: Row) -> str:
    theirs, own = (r.score.run.model.size_bytes for r in (reference, row))
    if not (theirs and own):
        return ""
    if theirs >= _SAME_SIZE * own:
        return f"; {theirs / own:.1f}x smaller"
    if own >= _SAME_SIZE * theirs:
        return f"; {own / theirs:.1f}x larger"
    return "; of the same size"


def _noise(judged: list[tuple[str, Judgement]]) -> str:
    """That the intervals are wider by the flip floors, where any is known."""
    known = any(judgement.arithmetic is not None for _, judgement in judged)
    return " widened by the flip floors" if known else ""


def _arithmetic(judged: list[tuple[str, Judgement]]) -> str:
    """How far other batches may move the differences on these questions, where that is known."""
    known = [(name, j.arithmetic) for name, j in judged if j.arithmetic is not None]
    if not known:
        return ""
    name = f" ({known[0][0]})" if len(known) == 1 < len(judged) else ""
    return f"what other batches may move, {_figures(known)}{name} points either way, and "


def _detectable(judged: list[tuple[str, Judgement]]) -> str:
    return _figures([(name, judgement.detectable) for name, judgement in judged])


def _figures(values: list[tuple[str, float]]) -> str:
    """Rounded up, in points, each with its name; of many the least and the greatest."""
    figures = {name: numerals.points_up(value) for name, value in values}
    if len(figures) == 1:
        return "".join(figures.values())
    if len(values) <= _MOST_NAMED:
        return ", ".join(f"{figure} ({name})" for name, figure in figures.items())
    least, most = (f(values, key=lambda pair: pair[1]) for f in (min, max))
    return f"{figures[least[0]]} ({least[0]}) to {figures[most[0]]} ({most[0]})"
