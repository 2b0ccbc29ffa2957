"""What is only this machine's or its user's business: paths, names of people, tokens."""

from __future__ import annotations

import getpass
import re
import shlex
from dataclasses import replace
from pathlib import Path

from ggufeval.types import Fingerprint, ModelInfo, Run

_TOKEN = re.compile(r"hf_[A-Za-z0-9]{8,}")
_SEPARATORS = re.compile(r"[/\\]")
_PUBLISHED = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*@[0-9a-f]{6,}")
"""`cais/mmlu@c30699e8`: a data set of the hub at a commit."""
_TEMPLATE = "template:"


def name_of(path: str) -> str:
    """The last part of a path, of this system's or another's; a user's own folder is `~`."""
    last = _SEPARATORS.split(path.rstrip("/\\"))[-1]
    return "~" if last and last in _people() else _TOKEN.sub("hf_...", last)


def _people() -> set[str]:
    names = {Path.home().name}
    try:
        names.add(getpass.getuser())
    except (OSError, KeyError):  # nobody of that number is known
        return names
    return names


def command(text: str) -> str:
    """A command line, its arguments without folders."""
    try:
        arguments = shlex.split(text)
    except ValueError:
        arguments = text.split()
    return shlex.join(_argument(argument) for argument in arguments)


def _argument(argument: str) -> str:
    option, equals, value = argument.partition("=")
    if argument.startswith("-") and equals:
        return f"{option}={_argument(value)}"
    if argument.startswith(_TEMPLATE):
        return _style(argument)
    return name_of(argument)


def _style(name: str) -> str:
    if not name.startswith(_TEMPLATE):
        return name
    return _TEMPLATE + name_of(name.removeprefix(_TEMPLATE))


def source(text: str) -> str:
    """Where questions came from: a data set's name stays, a path becomes a file's."""
    return text if _PUBLISHED.fullmatch(text) else name_of(text)


def run(original: Run) -> Run:
    """The run as it may travel. Its fingerprint is another one, with another digest, only where a
    path stood in it."""
    return replace(
        original,
        model=_model(original.model),
        fingerprint=_fingerprint(original.fingerprint),
        source=source(original.source),
        command=command(original.command),
    )


def _model(model: ModelInfo) -> ModelInfo:
    return replace(model, path=name_of(model.path), imatrix=name_of(model.imatrix))


def _fingerprint(fingerprint: Fingerprint) -> Fingerprint:
    return replace(fingerprint, prompt_style=_style(fingerprint.prompt_style))
