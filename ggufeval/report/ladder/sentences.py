"""What stands around a ladder's table, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ggufeval.report import numerals
from ggufeval.report.sentences import questions_asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.types import Estimate, Ladder, Score

PUBLISHED = (
    "The published figures are the original study's, cited and not measured here: LLaMA 3.2 1B "
    "Instruct in bf16, all 14,042 questions unless noted, prompts in other words. Only the shape "
    "can be compared."
)


def heading(ladder: Ladder) -> str:
    """Model, task, questions, design and source, in one line."""
    return f"{numerals.visible(ladder.model.label)} on the original study's ladder; {asked(ladder)}"


def asked(ladder: Ladder) -> str:
    """The heading without the model."""
    task, source = numerals.visible(ladder.task), numerals.visible(ladder.source)
    return f"{task}: {questions_asked(ladder)}; source {source}"


def finding(ladder: Ladder) -> str:
    """The result in a sentence or two; no judgement, only what was measured."""
    said = [*_climb(ladder), *_cost(ladder)]
    return " ".join(said) or "No rung could be run with this model."


def _climb(ladder: Ladder) -> list[str]:
    found = [(item.rung.number, item.studied.micro) for item in ladder.rungs if item.studied]
    if not found:
        return []
    (first, low), (last, high) = found[0], found[-1]
    if first == last:
        return [f"Rung {first}: {_percent(low)} right."]
    return [f"From rung {first} to rung {last}: {_percent(low)} to {_percent(high)} right."]


def _cost(ladder: Ladder) -> list[str]:
    """Of rungs that guess under the grammar nothing is said: there it shows no knowledge that
    format could have hidden."""
    paired = [(item, item.cost) for item in ladder.rungs if item.cost]
    judged = [
        (item.rung.number, cost)
        for item, cost in paired
        if item.constrained and item.constrained.micro.low > ladder.chance
    ]
    between = _between(ladder)
    if not paired:
        is_said = all(item.constrained is item.studied for item in ladder.rungs)
        return [] if is_said or not between else [f"{between[0].upper()}{between[1:]}."]
    if not judged:
        return ["Under the grammar it is no better than guessing, which cannot show a cost."]
    seen = [pair for pair in judged if pair[1].low > 0]
    number, cost = max(seen or judged, key=lambda pair: pair[1].value)
    points = f"{numerals.points(cost.value)} points {numerals.points_interval(cost)}"
    where = f"rung {number}"
    if seen:
        text = f"Format cost most on {where}: {points}" if paired[1:] else f"Format cost {points}"
    else:
        text = f"That format cost anything cannot be seen here (most on {where}: {points})"
    return [f"{text}; {between}."]


def _between(ladder: Ladder) -> str:
    found = [item.constrained.micro for item in ladder.rungs if item.constrained]
    if len(found) == 1:
        return f"under the grammar {_percent(found[0])} are right"
    values = sorted(found, key=lambda micro: micro.value)
    return (
        f"under the grammar the rungs lie between {_percent(values[0])} and {_percent(values[-1])}"
        if values
        else ""
    )


def _percent(estimate: Estimate) -> str:
    return f"{numerals.percent(estimate.value)}%"


def _is_guess(score: Score | None, chance: float) -> bool:
    return score is not None and chance in score.micro


def alarms(ladder: Ladder) -> tuple[str, ...]:
    """What a reader must know before believing the table."""
    free = [item.rung.number for item in ladder.rungs if _is_guess(item.free, ladder.chance)]
    constrained = [
        item.rung.number for item in ladder.rungs if _is_guess(item.constrained, ladder.chance)
    ]
    found = [f"{_rungs(free)} as studied"] if free else []
    found += [f"{_rungs(constrained)} under the grammar"] if constrained else []
    if not found:
        return ()
    chance = numerals.percent(ladder.chance)
    return (f"Not to be told from guessing ({chance}%): {'; '.join(found)}.",)


def _rungs(numbers: Sequence[int]) -> str:
    *others, last = (str(number) for number in numbers)
    return f"rungs {', '.join(others)} and {last}" if others else f"rung {last}"


def legend(ladder: Ladder) -> str:
    """How to read the columns."""
    scores = [s for item in ladder.rungs for s in (item.free, item.constrained) if s]
    level = f"{100 * scores[0].micro.level:g}%" if scores else "95%"
    text = (
        f"as studied: micro accuracy in %, decoded and read as in the study, with its {level} "
        "interval; macro: the same with every subject alike; unread: answers that could not be "
        "read, in %, which count as wrong; grammar: accuracy where only an answer in the form "
        "asked for can be written; format cost: grammar minus as studied, in points, with its "
        f"paired {level} interval, for one rung alone: what was unread, cut short or named no "
        "choice, of which a grammar's forced choice also gets some right by chance; study: the "
        "published figures"
    )
    if any(not item.rung.max_tokens for item in ladder.rungs):
        text += "; letter: one forward pass under the grammar, and nothing else"
    if not scores:
        return f"{text}."
    widest = max(score.micro.high - score.micro.low for score in scores)
    questions = numerals.count(ladder.n_questions, "question")
    width = f"{100 * widest:.0f} points" if widest >= 0.015 else f"{100 * widest:.1f} points"
    return f"{text}. With {questions} an accuracy's interval is up to {width} wide."
