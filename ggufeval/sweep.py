"""The main job: every level of a model over the same questions.

A level is a model file at one quantization: one that is there, or one to be made from it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ggufeval import runner
from ggufeval.catalog.files import check_gguf, file_sha256
from ggufeval.catalog.resolve import Source, level_path
from ggufeval.errors import GgufevalError, ModelError, UsageError
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


def levels(sources: Sequence[Source], quantizations: Sequence[str]) -> tuple[Level, ...]:
    """The levels asked for of each model; without any, the files as they are.

    Files of one name in one folder are one model at several levels. What is missing is made from
    the one with the most bits per weight. A file that cannot be read stands for itself, and fails
    when its turn comes. Raises UsageError for a quantization that llama.cpp does not know.
    """
    if not quantizations:
        return tuple(Level(source) for source in sources)
    with ModelProcess() as process:
        known = list(process.quantization_types())
    wanted = [_known(name, known) for name in quantizations]
    models: dict[tuple[Path, str], dict[Source, ModelInfo]] = {}
    broken = []
    for source in sources:
        try:
            with ModelProcess() as process:
                info = process.info(source.parts)
        except GgufevalError:
            broken.append(Level(source))
        else:
            models.setdefault((source.path.parent, source.name), {})[source] = info
    found = [_level(name, files) for files in models.values() for name in wanted]
    return (*found, *broken)


def _known(name: str, known: Sequence[str]) -> str:
    if name.upper() in known:
        return name.upper()
    near = difflib.get_close_matches(name.upper(), known, n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(known)}."
    raise UsageError(f"llama.cpp has no quantization {name!r}. {hint}")


def _level(name: str, files: dict[Source, ModelInfo]) -> Level:
    """The file that calls itself so, else the one that is so, else one to be made."""
    named = [source for source in files if source.quantization_hint == name]
    real = [source for source, info in files.items() if info.quantization == name]
    if found := named or real:
        return Level(found[0])
    best = max(files, key=lambda source: files[source].bits_per_weight)
    return Level(best, name)


def files_of(level: Level, n_threads: int | None, say: Say) -> runner.ModelFiles:
    """The level's files, quantized from its source where they are not there yet.

    Raises ModelError where the source is no GGUF, is not what the catalogue says, or is refused
    by llama.cpp.
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
    """The hash of a source, which is the catalogue's where it is a model of the catalogue."""
    for part in source.parts:
        check_gguf(part)
    sha256 = file_sha256(source.path)
    if source.entry is not None and sha256 != source.entry.sha256:
        raise ModelError(
            f"{source.path}: sha256 {source.entry.sha256} was expected, {sha256} was found: the "
            "file was damaged or changed. Remove it, and it is fetched again."
        )
    return sha256


def sweep(
    the_levels: Sequence[Level],
    questions: QuestionSet,
    store: Store,
    options: runner.Options,
    *,
    progress: runner.Progress | None = None,
    say: Say = lambda _: None,
) -> Outcome:
    """Evaluate each level in its turn. One that fails does not stop the others.

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
        except GgufevalError as error:
            failures.append(Failure(level.label, error))
            if len(the_levels) > 1:
                say(f"{level.label} failed, the others go on: {error}")
    return Outcome(tuple(runs), tuple(failures))
