"""Where a run's model came from, told so that another machine can get it: never by a path."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from ggufeval.bundle.contents import Origin
from ggufeval.bundle.redaction import name_of
from ggufeval.catalog.cache import DEQUANTIZED_FOLDER
from ggufeval.catalog.entries import WheelSource, entries
from ggufeval.catalog.files import split_parts
from ggufeval.types import ModelInfo

CATALOGUE, HUB, MADE, FILE = "catalogue", "hub", "made", "file"
_HUBS = re.compile(r"models--(?P<owner>[\w.-]+?)--(?P<repository>[\w.-]+)")
_HOME = re.compile(r"(?P<owner>[\w.-]+?)--(?P<repository>[\w.-]+)-(?P<content>[0-9a-f]{12})")


def origin(model: ModelInfo) -> Origin:
    """Read off the model's hash, and off where its file lay: in the hub's cache, in ours, or
    somewhere. The file need not be there any more."""
    files = _names(model.path)
    wheels = {
        entry.source.sha256: entry.name
        for entry in entries()
        if isinstance(entry.source, WheelSource)
    }
    if model.sha256 in wheels:
        return Origin(CATALOGUE, wheels[model.sha256], "", files)
    parts = _parts(model.path)
    for i, part in enumerate(parts[:-3]):
        found = _HUBS.fullmatch(part)
        if found and parts[i + 1] == "snapshots":
            inside = "/".join(parts[i + 3 :])
            name = f"{found['owner']}/{found['repository']}"
            revision = parts[i + 2]
            return Origin(HUB, name, revision, tuple(map(str, split_parts(PurePosixPath(inside)))))
    return Origin(*_made(model, parts), "", files)


def _made(model: ModelInfo, parts: tuple[str, ...]) -> tuple[str, str]:
    """Levels that we made lie in our cache, in a folder called by what they were made of."""
    if len(parts) < 3 or parts[-3] != "models":
        return FILE, ""
    home = parts[-2]
    if home == DEQUANTIZED_FOLDER:
        return MADE, ""
    if home in {entry.name for entry in entries()}:
        return MADE, home
    if found := _HOME.fullmatch(home):
        return MADE, f"{found['owner']}/{found['repository']}"
    return (MADE, "") if model.quantized_from else (FILE, "")


def _names(path: str) -> tuple[str, ...]:
    return tuple(str(part) for part in split_parts(Path(name_of(path)))) if path else ()


def _parts(path: str) -> tuple[str, ...]:
    return PureWindowsPath(path).parts  # which knows both kinds of separators
