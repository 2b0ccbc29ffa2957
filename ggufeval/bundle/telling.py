"""What `verify` and `reproduce` found, for a terminal of 80 columns and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from ggufeval.bundle import fields
from ggufeval.bundle.comparing import Difference, Flip, Outcome, Reproduction, causes
from ggufeval.bundle.verifying import Verification, Verified
from ggufeval.report.numerals import MISSING, clip, visible
from ggufeval.report.page import Column, Page, terminal_of
from ggufeval.types import LETTERS

if TYPE_CHECKING:
    from rich.text import Text

_MOST_FLIPS = 10
_LONGEST = 60


class _Whole(Column[Verified]):
    """By a name of its own: a generic one that is frozen and slotted fails in Python 3.11."""

    __slots__ = ()


class _Again(Column[Reproduction]):
    __slots__ = ()


_RUNS = (
    _Whole("run", lambda run: visible(run.run.id), right=False),
    _Whole("model", lambda run: visible(run.run.model.label), right=False, folds=True),
    _Whole("answered", lambda run: f"{run.n:,} of {run.n_planned:,}"),
    _Whole("accuracy", lambda run: f"{run.score.micro:.2%}"),
    _Whole("questions", lambda run: "with text" if run.with_text else "as hashes", right=False),
)
_OUTCOMES = {
    Outcome.IDENTICAL: "identical bit for bit",
    Outcome.LETTERS: "identical letters",
    Outcome.DIFFERS: "differs",
    Outcome.NOT_RUN: "not run",
}


def _move(one: Reproduction) -> str:
    return MISSING if math.isnan(one.largest_move) else f"{one.largest_move:.3g}"


_REPRODUCED = (
    _Again("run", lambda one: visible(one.run_id), right=False),
    _Again("model", lambda one: visible(one.label), right=False, folds=True),
    _Again("outcome", lambda one: _OUTCOMES[one.outcome], right=False),
    _Again("records", lambda one: f"{one.n:,} of {one.n_all:,}"),
    _Again("moved", _move),
    _Again("flips", lambda one: f"{len(one.flips):,}" if one.n else MISSING),
)


def verified(found: Verification, stream: TextIO | None = None) -> str:
    """That a bundle is whole, and what that means."""
    page = _page(stream)
    manifest = found.manifest
    page.say(
        f"{visible(found.path)}: whole. {len(manifest.members):,} files, "
        f"{len(found.runs):,} runs, {visible(manifest.written_by)}."
    )
    page.say(f"sha256 {found.sha256}\n")
    page.show(found.runs, [_RUNS], lambda column, run: _plain(column.cell(run)))
    page.say()
    for note in manifest.notes:
        page.say(visible(note))
    page.say(
        "Every hash is right, the records are complete and belong to the questions, and the "
        "accuracies are theirs. Whether they were measured: ggufeval reproduce."
    )
    return page.text()


def reproduced(found: Sequence[Reproduction], stream: TextIO | None = None) -> str:
    """Run by run what came out, and where it is otherwise why that may be."""
    page = _page(stream)
    page.show(found, [_REPRODUCED], lambda column, one: _plain(column.cell(one)))
    for one in found:
        if said := list(_details(one)):
            page.say(f"\n{visible(one.label)}: {said[0]}")
            for line in said[1:]:
                page.say(line)
    page.say(f"\n{_conclusion(found)}")
    return page.text()


def _details(one: Reproduction) -> Iterator[str]:
    if one.outcome is Outcome.NOT_RUN:
        yield visible(one.why).removeprefix(f"{visible(one.label)}: ")
        return
    if one.outcome is Outcome.IDENTICAL:
        return
    yield (
        f"{one.n_identical:,} of {one.n:,} records are identical bit for bit; "
        + (f"{len(one.flips):,} answers differ." if one.flips else "every letter is the same.")
    )
    for flip in one.flips[:_MOST_FLIPS]:
        yield f"  {_flip(flip)}"
    if len(one.flips) > _MOST_FLIPS:
        yield f"  and {len(one.flips) - _MOST_FLIPS:,} more (--format json)."
    yield _why(one.differences)


def _flip(flip: Flip) -> str:
    turn = f", rotation {flip.rotation}" if flip.rotation else ""
    before = f"{_letter(flip.before)}{_margin(flip.margin_before)}"
    now = f"{_letter(flip.now)}{_margin(flip.margin_now)}"
    return f"{visible(flip.question_id)}{turn}: {before} before, {now} now"


def _letter(index: int | None) -> str:
    return "nothing readable" if index is None else LETTERS[index]


def _margin(margin: float) -> str:
    return "" if math.isnan(margin) else f" (margin {margin:.3f})"


def _why(found: Sequence[Difference]) -> str:
    if not found:
        return (
            "Nothing that a run is known by differs here: a faulty machine, or records that were "
            "changed. Run ggufeval reproduce once more."
        )
    told = "; ".join(f"{d.field}: {_value(d.before)}, here {_value(d.now)}" for d in found)
    return f"The likely cause: {', '.join(causes(found))}. {told}."


def _value(text: str) -> str:
    return visible(clip(text, _LONGEST))


def _conclusion(found: Sequence[Reproduction]) -> str:
    n_same = sum(one.agrees for one in found)
    missing = sum(one.outcome is Outcome.NOT_RUN for one in found)
    if n_same == len(found):
        return "Reproduced: every answer is the one in the bundle."
    said = f"{n_same:,} of {len(found):,} runs have every answer of the bundle"
    return f"{said}, {missing:,} could not be run." if missing else f"{said}."


def verified_json(found: Verification) -> str:
    tree = {
        "bundle": found.path,
        "sha256": found.sha256,
        "written_by": found.manifest.written_by,
        "notes": found.manifest.notes,
        "environment": found.environment,
        "runs": [_verified_run(run) for run in found.runs],
    }
    return _json(tree)


def _verified_run(run: Verified) -> dict[str, object]:
    return {
        "run_id": run.run.id,
        "model": run.run.model.label,
        "model_sha256": run.run.model.sha256,
        "answered": run.n,
        "questions": run.n_planned,
        "score": run.score,
        "with_text": run.with_text,
    }


def reproduced_json(found: Sequence[Reproduction]) -> str:
    runs = [fields.encode(one) | {"causes": list(causes(one.differences))} for one in found]
    return _json({"reproduced": all(one.agrees for one in found), "runs": runs})


def _json(tree: object) -> str:
    return json.dumps(fields.encode(tree), indent=2, allow_nan=False) + "\n"


def _page(stream: TextIO | None) -> Page:
    width, color = terminal_of(stream)
    return Page(width, color=color)


def _plain(text: str) -> Text:
    from rich.text import Text

    return Text(text)
