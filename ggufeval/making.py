"""The levels of a model: those that are there, and those to be made from them.

A level is a model file at one quantization.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache

from ggufeval import dequantized, runner
from ggufeval.catalog.files import check_gguf, file_sha256
from ggufeval.catalog.marks import mark
from ggufeval.catalog.resolve import Selection, Source, level_path
from ggufeval.errors import GgufevalError, UsageError
from ggufeval.llama.client import ModelProcess
from ggufeval.types import FULL_PRECISION, ModelInfo, Recipe

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Level:
    """A model at a quantization. `quantization` is empty for the file as it is."""

    source: Source
    quantization: str = ""
    written_out: str = ""
    """`F32` or `F16`: its weights are written out in that; empty: it is run as it is."""
    kept: bool = True
    """Whether the written-out weights stay on the disk after the run."""

    @property
    def label(self) -> str:
        label = f"{self.source.name} {self.quantization}" if self.quantization else ""
        label = label or self.source.label
        return f"{label} as {self.written_out}" if self.written_out else label

    @property
    def name(self) -> str:
        """The label without the model: `Q4_0`, `Q4_0 as F32`."""
        return self.label.removeprefix(self.source.name).strip() or self.label


@cache
def quantizations() -> tuple[str, ...]:
    """Names of all that llama.cpp can make."""
    with ModelProcess() as process:
        return tuple(process.quantization_types())


def levels(selections: Sequence[Selection]) -> tuple[Level, ...]:
    """The levels asked for of each model; without any, the files as they are.

    What is missing among the files of a model is made from the one with the most bits per weight.
    A file that cannot be read stands for itself, and fails when its turn comes. Raises UsageError
    for a quantization that llama.cpp does not know.
    """
    wanted: dict[tuple[str, ...], dict[Source, None]] = {}
    for selection in selections:
        sources = wanted.setdefault(selection.quantizations, {})
        sources |= dict.fromkeys(selection.sources)
    found = (_levels(sources, names) for names, sources in wanted.items())
    return tuple(dict.fromkeys(level for group in found for level in group))


def _levels(sources: Iterable[Source], names: Sequence[str]) -> list[Level]:
    if not names:
        return [Level(source) for source in sources]
    families: dict[str, dict[Source, ModelInfo | None]] = {}
    broken = []
    for source in sources:
        if source.lacking is not None:
            families.setdefault(source.family, {})[source] = None
            continue
        try:
            with ModelProcess() as process:
                info = process.info(source.parts)
        except GgufevalError:
            broken.append(Level(source))
        else:
            families.setdefault(source.family, {})[source] = info
    return [_level(name, files) for files in families.values() for name in names] + broken


def _level(name: str, files: dict[Source, ModelInfo | None]) -> Level:
    """The file that calls itself so, else the one that is so, else one to be made. None is known
    of a file that is still to be fetched, save its name and size."""
    wanted = name.upper()
    named = [source for source in files if source.quantization_hint == wanted]
    known = {source: info for source, info in files.items() if info is not None}
    real = [source for source, info in known.items() if info.quantization == wanted]
    if found := named or real:
        return Level(found[0])
    if len(known) == len(files):
        best = max(known, key=lambda source: known[source].bits_per_weight)
    else:
        best = max(files, key=lambda source: source.size_bytes)
    return Level(best, _known(name))


def _known(name: str) -> str:
    known = quantizations()
    if name.upper() in known:
        return name.upper()
    near = difflib.get_close_matches(name.upper(), known, n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(known)}."
    raise UsageError(f"llama.cpp has no quantization {name!r}. {hint}")


def with_written_out(
    the_levels: Sequence[Level], kind: str, *, beside: bool, kept: bool
) -> tuple[Level, ...]:
    """The levels, those that are quantized also with their weights written out in `kind`.

    Without `beside` only so, not as they are. A file that cannot be read stays as it is.
    """
    found = []
    for level in the_levels:
        lossy = _is_lossy(level)
        found += [level] if beside or not lossy else []
        found += [replace(level, written_out=kind, kept=kept)] if lossy else []
    return tuple(found)


def _is_lossy(level: Level) -> bool:
    if level.quantization:
        return level.quantization not in FULL_PRECISION
    with suppress(GgufevalError), ModelProcess() as process:
        return process.info(level.source.parts).quantization not in FULL_PRECISION
    return False


def made_anew(found: Iterable[Level], names: Sequence[str]) -> tuple[Level, ...]:
    """Levels to be made of each model from the best of these files, even where one is there.

    Raises UsageError for a quantization that llama.cpp does not know, ModelError for a broken file.
    """
    names = [_known(name) for name in names]
    families: dict[str, dict[Source, float]] = {}
    for source, info in _infos(found).items():
        families.setdefault(source.family, {})[source] = info.bits_per_weight
    best = [max(files, key=files.__getitem__) for files in families.values()]
    return tuple(Level(source, name) for source in best for name in names)


def refuse_lossy(the_levels: Iterable[Level]) -> None:
    """Raises UsageError where one of them would be made from a file that has lost already."""
    to_make = [level for level in the_levels if level.quantization]
    for source, info in _infos(to_make).items():
        if info.is_lossy:
            once = f" that was {info.requantized_from} once" if info.requantized_from else ""
            raise UsageError(
                f"{source.path}: a model that was never quantized (F32, F16, BF16) was expected, "
                f"found {info.quantization}{once}: a level of it would have lost twice. Give "
                "another file, or add --allow-requantize."
            )


def _infos(the_levels: Iterable[Level]) -> dict[Source, ModelInfo]:
    with ModelProcess() as process:
        sources = dict.fromkeys(level.source for level in the_levels)
        return {source: process.info(source.parts) for source in sources}


def files_of(
    level: Level,
    n_threads: int | None,
    say: Say,
    recipe: Recipe | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> runner.ModelFiles:
    """The level's files, quantized from its source, or its weights written out, where they are not
    there yet.

    Raises ModelError where the source is no GGUF, does not have the hash that it was published
    with, or is refused by llama.cpp.
    """
    parts = level.source.parts
    if level.written_out:
        model = files_of(replace(level, written_out=""), n_threads, say)
        n_threads = n_threads or runner.physical_cores()
        return dequantized.make(model, level.written_out, n_threads, say)
    recipe = recipe or Recipe()
    if level.quantization:
        target = level_path(level.source, level.quantization, mark(recipe))
        if not target.exists():
            _verified(level.source)
            say(f"Quantizing {level.source.label} to {level.quantization} ...")
            with ModelProcess() as process:
                n_threads = n_threads or runner.physical_cores()
                process.quantize(
                    parts, target, level.quantization, n_threads, recipe, progress=progress
                )
        return runner.ModelFiles((target,), file_sha256(target))
    return runner.ModelFiles(parts, _verified(level.source))


def _verified(source: Source) -> str:
    """The hash first where it is known: a file that was damaged is not of another format."""
    sha256 = file_sha256(source.path, source.sha256) if any(source.sha256) else ""
    for part in source.parts:
        check_gguf(part)
    return sha256 or file_sha256(source.path)


def largest(the_levels: Iterable[Level], options: runner.Options, say: Say) -> runner.ModelFiles:
    """The files of the largest level, before any weights are written out."""
    return files_of(replace(max(the_levels, key=_size), written_out=""), options.n_threads, say)


def by_size(
    the_levels: Iterable[Level], options: runner.Options, say: Say
) -> tuple[runner.ModelFiles, ...]:
    """The files of all levels that can be had, the largest first, before weights are written out;
    what fails does so again when its turn comes."""
    found = []
    as_they_are = dict.fromkeys(replace(level, written_out="") for level in the_levels)
    for level in sorted(as_they_are, key=_size, reverse=True):
        with suppress(GgufevalError):
            found.append(files_of(level, options.n_threads, say))
    return tuple(dict.fromkeys(found))


def _size(level: Level) -> int:
    if not level.quantization:
        return level.source.size_bytes
    with suppress(GgufevalError), ModelProcess() as process:
        return process.quantized_size(level.source.parts, level.quantization)
    return 0


@contextmanager
def at_hand(level: Level, n_threads: int | None, say: Say) -> Iterator[runner.ModelFiles]:
    """As `files_of`; written-out weights that are not to be kept are deleted in the end."""
    model = files_of(level, n_threads, say)
    try:
        yield model
    finally:
        if level.written_out and not level.kept:
            model.parts[0].unlink(missing_ok=True)
