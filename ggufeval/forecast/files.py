"""Where the files of a sweep's levels are, or would come from, and what that takes of the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ggufeval.catalog.cache import models_folder
from ggufeval.catalog.resolve import Source, level_path
from ggufeval.errors import GgufevalError
from ggufeval.llama.client import ModelProcess
from ggufeval.making import Level
from ggufeval.types import Disk, Origin, Surety


@dataclass(frozen=True, slots=True)
class LevelFile:
    """The file of a level."""

    level: Level
    origin: Origin
    parts: tuple[Path, ...]
    """Where it is or would be, all of them in order."""
    size_bytes: int | None
    """None: not known yet."""
    to_fetch: int
    """Bytes, of its file or of its base, that no level before it fetches already."""
    trouble: str = ""
    """Why it cannot be made: a sentence."""

    @property
    def source(self) -> Source:
        return self.level.source


def level_files(levels: Iterable[Level]) -> tuple[LevelFile, ...]:
    """Nothing is fetched or made."""
    found: list[LevelFile] = []
    fetched: set[Source] = set()
    for level in levels:
        origin, parts = _file(level)
        size, trouble = _size(level, parts)
        to_fetch = 0
        if origin is not Origin.HERE and level.source not in fetched:
            to_fetch = level.source.lacking or 0
            fetched.add(level.source)
        found.append(LevelFile(level, origin, parts, size, to_fetch, trouble))
    return tuple(found)


def _file(level: Level) -> tuple[Origin, tuple[Path, ...]]:
    source = level.source
    target = level_path(source, level.quantization) if level.quantization else source.path
    if target == source.path:
        return Origin.HERE if source.lacking is None else Origin.FETCHED, source.parts
    return Origin.HERE if target.exists() else Origin.MADE, (target,)


def _size(level: Level, parts: tuple[Path, ...]) -> tuple[int | None, str]:
    """In bytes, as llama.cpp's quantizer tells it for a level that is to be made; and why that
    cannot be."""
    if parts == level.source.parts:
        return level.source.size_bytes, ""
    if parts[0].exists():
        return parts[0].stat().st_size, ""
    if level.source.lacking is not None:
        return None, ""
    try:
        with ModelProcess() as process:
            size = process.quantized_size(level.source.parts, level.quantization)
    except GgufevalError as error:
        return None, str(error)
    return size or None, ""


def disks(files: Iterable[LevelFile]) -> tuple[Disk, ...]:
    """What the files take of each disk that they would be written to."""
    found: dict[int, Disk] = {}
    for file in files:
        if file.to_fetch:
            _take(found, file.source.path.parent, file.to_fetch)
        if file.origin is Origin.MADE:
            _take(found, models_folder(), file.size_bytes)
    return tuple(found.values())


def _take(found: dict[int, Disk], folder: Path, n_bytes: int | None) -> None:
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    device = place.stat().st_dev
    disk = found.get(device) or Disk(str(place), 0, shutil.disk_usage(place).free)
    surety = Surety.LEAST if n_bytes is None else disk.surety
    found[device] = replace(disk, needed=disk.needed + (n_bytes or 0), surety=surety)
