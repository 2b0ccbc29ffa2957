"""The main job: every level of a model over the same questions.

A level is a model file at one quantization: one that is there, or one to be made from it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from ggufeval import runner
from ggufeval.catalog.files import check_gguf, file_sha256
from ggufeval.catalog.resolve import Selection, Source, level_path
from ggufeval.errors import GgufevalError, StoreError, UsageError
from ggufeval.llama.client import ModelProcess
from ggufeval.store import Store
from ggufeval.types import ModelInfo, QuestionSet, Run

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Level:
    """A model at a quantization. `quantization` is empty for the file as it is."""

    source: Source
    quantization: str = ""

    @property
    def label(self) -> str:
        if not self.quantization:
            return self.source.label
        return f"{self.source.name} {self.quantization}"


@dataclass(frozen=True, slots=True)
class Failure:
    label: str
    error: GgufevalError


@dataclass(frozen=True, slots=True)
class Outcome:
    runs: tuple[Run, ...]
    failures: tuple[Failure, ...]


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


def files_of(level: Level, n_threads: int | None, say: Say) -> runner.ModelFiles:
    """The level's files, quantized from its source where they are not there yet.

    Raises ModelError where the source is no GGUF, does not have the hash that it was published
    with, or is refused by llama.cpp.
    """
    parts = level.source.parts
    if level.quantization:
        target = level_path(level.source, level.quantization)
        if not target.exists():
            _verified(level.source)
            say(f"Quantizing {level.source.label} to {level.quantization} ...")
            with ModelProcess() as process:
                n_threads = n_threads or runner.physical_cores()
                process.quantize(parts, target, level.quantization, n_threads)
        return runner.ModelFiles((target,), file_sha256(target))
    return runner.ModelFiles(parts, _verified(level.source))


def _verified(source: Source) -> str:
    """The hash first where it is known: a file that was damaged is not of another format."""
    sha256 = file_sha256(source.path, source.sha256) if any(source.sha256) else ""
    for part in source.parts:
        check_gguf(part)
    return sha256 or file_sha256(source.path)


def sweep(
    the_levels: Sequence[Level],
    questions: QuestionSet,
    store: Store,
    options: runner.Options,
    *,
    progress: runner.Progress | None = None,
    say: Say = lambda _: None,
) -> Outcome:
    """Evaluate each level in its turn. One that fails does not stop the others, unless it is the
    store that failed: StoreError.

    The store remembers the runs as one sweep, in this order, each as soon as it is finished.
    """
    runs: list[Run] = []
    failures: list[Failure] = []
    number = store.begin_sweep()
    for level in the_levels:
        try:
            model = files_of(level, options.n_threads, say)
            run = runner.evaluate(model, questions, store, options, progress)
            store.add_to_sweep(number, run.id)
            runs.append(run)
        except StoreError:
            raise  # no other level could be stored either
        except GgufevalError as error:
            failures.append(Failure(level.label, error))
            if len(the_levels) > 1:
                say(f"{level.label} failed, the others go on: {error}")
    return Outcome(tuple(runs), tuple(failures))
