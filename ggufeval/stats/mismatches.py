"""What two runs differ in beside the model, in sentences."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ggufeval.types import Fingerprint, Run

_HASH_LENGTH = 64
_READING = ("read", "grammar", "parser", "temperature", "max_tokens", "seed")
_OURS = "ggufeval"


def mismatches(reference: Run, candidate: Run) -> Iterator[str]:
    """At most one sentence. Of two programs' runs it says what is another, since they have no
    settings in common to be named one by one."""
    mine, theirs = reference.fingerprint, candidate.fingerprint
    names = mine.differences(theirs)
    if not names:
        return
    if mine.tool != theirs.tool:
        yield _between_tools(reference, candidate)
        return
    fields = "; ".join(
        f"{name} is {_short(attrgetter(name)(theirs))}, not {_short(attrgetter(name)(mine))}"
        for name in names
    )
    yield f"{_named(candidate)} differs from {_named(reference)} in more than the model: {fields}."


def _between_tools(reference: Run, candidate: Run) -> str:
    mine, theirs = reference.fingerprint, candidate.fingerprint
    other = ["another program on another engine", "another prompt"]
    if any(getattr(mine, name) != getattr(theirs, name) for name in _READING):
        other.append("another reading of the answers")
    if mine.permute != theirs.permute:
        other.append("other rotations of the choices")
    return (
        f"{_named(candidate)} was evaluated by {_conditions(theirs)}, {_named(reference)} by "
        f"{_conditions(mine)}: {', '.join(other)}. What lies between them is not the "
        "quantization alone."
    )


def _conditions(fingerprint: Fingerprint) -> str:
    shots = {-1: "an unknown number of shots", 1: "1 shot"}
    said = [
        f"prompt {fingerprint.prompt_style}",
        shots.get(fingerprint.shots, f"{fingerprint.shots} shots"),
        f"read by {fingerprint.read}",
    ]
    if fingerprint.parser:
        said.append(f"parser {fingerprint.parser}")
    return f"{fingerprint.tool or _OURS} ({', '.join(said)})"


def _named(run: Run) -> str:
    return f"{run.model.label} (run {run.id})"


def _short(value: object) -> str:
    """A hash by its beginning; anything else as it is."""
    text = str(value)
    return text if len(text) < _HASH_LENGTH else f"{text[:12]}..."
