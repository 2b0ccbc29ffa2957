"""The original study's ladder of prompt settings, climbed by any model.

Every rung is run as the study decoded and read it, and once more under a grammar. Source:
docs/prompts.md, which has the study's figures and what must be said beside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ggufeval import fit, runner
from ggufeval.errors import GgufevalError, StoreError, UnsuitableError, UsageError
from ggufeval.store import Store
from ggufeval.types import QuestionSet, Run, Rung, StudyFigure

RUNGS = (
    Rung(1, "answer-line", 0.6, 10, by_letter=False, published=StudyFigure(0.213)),
    Rung(2, "json", 0.6, 10, by_letter=False, published=StudyFigure(0.157)),
    Rung(3, "json", 0.1, 256, by_letter=False, published=StudyFigure(0.305)),
    Rung(
        4,
        "json",
        0.6,
        256,
        by_letter=False,
        published=StudyFigure(0.357, caveat="the first 285 questions only"),
    ),
    Rung(5, "json-final", 0.1, 64, by_letter=False, published=StudyFigure(0.363)),
    Rung(6, "json-subject", 0.1, 20, by_letter=False, published=StudyFigure(0.371, 0.390)),
    Rung(
        7,
        "meta-system",
        0.0,
        10,
        by_letter=True,
        published=StudyFigure(
            0.429, 0.437, caveat="94.1% of the outputs could be parsed, 45.6% of those were right"
        ),
    ),
    Rung(8, "meta", 0.0, 0, by_letter=True, otherwise="chat"),
)
_NUMBERS = re.compile(r"([0-9])(?:-([0-9]))?")
_LONGEST = 320
"""Tokens of an answer under a grammar, which ends by itself."""


@dataclass(frozen=True, slots=True)
class Climbed:
    """The runs of one rung, or why there are none."""

    rung: Rung
    style: str
    """The rung's, or the one in its place."""
    free: Run | None = None
    constrained: Run | None = None
    unavailable: str = ""
    """Why the model cannot have it."""
    failure: GgufevalError | None = None
    """What went wrong; what was finished before stays."""


def rungs(text: str | None) -> tuple[Rung, ...]:
    """Those that `1,2,7` or `1-3,7` names; all without it. Raises UsageError."""
    if text is None:
        return RUNGS
    wanted: set[int] = set()
    for part in text.split(","):
        found = _NUMBERS.fullmatch(part.strip())
        if not found:
            raise UsageError(f"--rungs {text}: numbers were expected, as in 1,2,7 or 1-3.")
        first, last = int(found[1]), int(found[2] or found[1])
        if first > last:
            raise UsageError(f"--rungs {text}: {first}-{last} has none; say {last}-{first}.")
        wanted |= set(range(first, last + 1))
    known = {rung.number for rung in RUNGS}
    if not wanted or not wanted <= known:
        raise UsageError(f"--rungs {text}: there are rungs 1 to {len(RUNGS)}.")
    return tuple(rung for rung in RUNGS if rung.number in wanted)


def climb(
    model: runner.ModelFiles,
    questions: QuestionSet,
    store: Store,
    options: runner.Options,
    chosen: Sequence[Rung],
    *,
    progress: runner.Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Climbed]:
    """Run the rungs, each twice, one after another. What is finished is found, not run again.

    A rung that the model cannot have, for want of a chat template or of Llama 3's header tokens, is
    not available; one that fails says why. The others go on, unless it is the store that failed:
    StoreError.
    """
    options = fit.with_layers(options, lambda: model, questions, store)
    finished: dict[runner.Options, Run] = {}

    def run(options: runner.Options | None, what: str) -> Run | None:
        if options is None:
            return None
        if options not in finished:  # two rungs may differ in what a grammar makes the same
            say(what)
            finished[options] = runner.evaluate(model, questions, store, options, progress)
        return finished[options]

    def climbed(rung: Rung, style: str) -> Climbed:
        free, constrained = settings(rung, style, options)
        name = f"Rung {rung.number}, {style}"
        found = Climbed(rung, style)
        try:
            found = replace(found, free=run(free, f"{name}, as studied"))
            return replace(found, constrained=run(constrained, f"{name}, under the grammar"))
        except StoreError:
            raise  # no other rung could be stored either
        except UnsuitableError as error:
            reason = error.reason.removeprefix(f"{model.parts[0]}: ")
            say(f"{name} is not for this model: {reason}.")
            return replace(found, unavailable=reason)
        except GgufevalError as error:
            say(f"{name} failed, the others go on: {error}")
            return replace(found, failure=error)

    for rung in chosen:
        found = climbed(rung, rung.style)
        if found.unavailable and rung.otherwise:
            found = climbed(rung, rung.otherwise)
        yield found


def settings(
    rung: Rung, style: str, options: runner.Options
) -> tuple[runner.Options | None, runner.Options]:
    """How a rung is run: freely, where it has a text, and under the grammar."""
    base = replace(options, prompt=style)
    text = replace(
        base, read="sample", temperature=rung.temperature, max_tokens=rung.max_tokens or None
    )
    free = replace(text, grammar="none") if rung.max_tokens else None
    if rung.by_letter:
        return free, replace(base, read="letter")
    return free, replace(text, grammar="choice", max_tokens=_LONGEST)
