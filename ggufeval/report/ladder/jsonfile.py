"""A ladder as JSON, full precision, for other programs. Strings are as they were found.

    schema               1; raised when a key changes its meaning or goes
    kind                 ladder
    model                label, path, sha256 and the rest as in `ggufeval.types.ModelInfo`
    task, source         what was asked, and where the questions came from
    design               full, stratified or random: how the questions were drawn
    n_questions          questions asked on each rung
    n_population         questions in the whole set they were drawn from
    n_subjects
    chance               accuracy of guessing
    interval_level       of all intervals, 0.95; null where nothing was run
    alarms               sentences
    rungs                in the ladder's order:
        rung             its number
        style            the prompt style that was used
        studied_style    the rung's own; another one where the model cannot have it
        temperature, max_tokens
                         how it was decoded; max_tokens 0: one forward pass under the grammar
        by_letter        the grammar lets through a letter, else a choice's text
        unavailable      why there is no result, or only one; else empty
        studied_run, studied_n, studied_n_correct
        studied_micro, studied_micro_low, studied_micro_high; the same with macro
                         as the study decoded and read it; shares in [0, 1] with their intervals.
                         Where max_tokens is 0 that is under the grammar.
        studied_n_unread, studied_n_unparsed, studied_n_no_choice
                         answers that could not be read, in all, for their form, and because
                         they name no choice; they count as wrong
        share_unread     of the answers as studied
        grammar_run, ...
                         as studied_run and so on, under the grammar
        cost, cost_low, cost_high
                         grammar minus studied, micro, paired, in [-1, 1]
        published_micro, published_macro, published_caveat
                         the original study's figures, not measured here
        runs             studied and grammar: command, created, status, seconds, n_tokens and
                         fingerprint of the run

What does not exist is null, and so is a number that is not finite.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

from ggufeval.report.jsonfile import finite
from ggufeval.report.ladder.format import LadderFormat
from ggufeval.report.ladder.records import records
from ggufeval.report.ladder.sentences import alarms

if TYPE_CHECKING:
    from ggufeval.types import Ladder, Score

SCHEMA = 1


def render(ladder: Ladder, _stream: TextIO | None = None) -> str:
    """One object, indented, ASCII only."""
    scores = [s for item in ladder.rungs for s in (item.free, item.constrained) if s]
    rungs = [
        record | {"runs": {"studied": _run(item.studied), "grammar": _run(item.constrained)}}
        for record, item in zip(records(ladder), ladder.rungs, strict=True)
    ]
    tree = {
        "schema": SCHEMA,
        "kind": "ladder",
        "model": asdict(ladder.model),
        "task": ladder.task,
        "source": ladder.source,
        "design": str(ladder.design),
        "n_questions": ladder.n_questions,
        "n_population": ladder.n_population,
        "n_subjects": ladder.n_subjects,
        "chance": ladder.chance,
        "interval_level": scores[0].micro.level if scores else None,
        "alarms": alarms(ladder),
        "rungs": rungs,
    }
    return json.dumps(finite(tree), indent=2, allow_nan=False) + "\n"


def _run(score: Score | None) -> dict[str, object] | None:
    if score is None:
        return None
    run = score.run
    return {
        "command": run.command,
        "created": run.created,
        "status": str(run.status),
        "seconds": run.seconds,
        "n_tokens": run.n_tokens,
        "fingerprint": asdict(run.fingerprint),
    }


FORMAT = LadderFormat("json", ".json", render)
