"""The main job: every level of a model over the same questions.

A level is a model file at one quantization: one that is there, or one to be made from it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ggufeval import runner
from ggufeval.catalog.files import file_sha256
from ggufeval.catalog.resolve import Source, level_path
from ggufeval.errors import GgufevalError, UsageError
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

    Files of one name are one model at several levels. What is missing is made from the one with
    the most bits per weight. Raises UsageError for a quantization that llama.cpp does not know.
    """
    if not quantizations:
        return tuple(Level(source) for source in sources)
    with ModelProcess() as process:
        wanted = [_known(name, list(process.quantization_types())) for name in quantizations]
        infos = {source: process.info(source.parts) for source in sources}
    models: dict[str, dict[Source, ModelInfo]] = {}
    for source, info in infos.items():
        models.setdefault(source.name, {})[source] = info
    return tuple(_level(name, files) for files in models.values() for name in wanted)


def _known(name: str, known: Sequence[str]) -> str:
    if name.upper() in known:
        return name.upper()
    near = difflib.get_close_matches(name.upper(), known, n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(known)}."
    raise UsageError(f"llama.cpp has no quantization {name!r}. {hint}")


def _level(name: str, files: dict[Source, ModelInfo]) -> Level:
    for source, info in files.items():
        if info.quantization == name:
            return Level(source)
    best = max(files, key=lambda source: files[source].bits_per_weight)
    return Level(best, name)


def files_of(level: Level, n_threads: int | None, say: Say) -> runner.ModelFiles:
    """The level's files, quantized from its source where they are not there yet.

    Raises ModelError where llama.cpp refuses.
    """
    parts = level.source.parts
    if level.quantization:
        target = level_path(level.source, level.quantization)
        if not target.exists():
            say(f"Quantizing {level.source.label} to {level.quantization} ...")
            with ModelProcess() as process:
                process.quantize(
                    level.source.path,
                    target,
                    level.quantization,
                    n_threads or runner.physical_cores(),
                )
        parts = (target,)
    return runner.ModelFiles(parts, file_sha256(parts[0]))


def sweep(
    the_levels: Sequence[Level],
    questions: QuestionSet,
    store: Store,
    options: runner.Options,
    *,
    progress: runner.Progress | None = None,
    say: Say = lambda _: None,
) -> Outcome:
    """Evaluate each level in its turn. One that fails does not stop the others."""
    runs: list[Run] = []
    failures: list[Failure] = []
    for level in the_levels:
        try:
            model = files_of(level, options.n_threads, say)
            runs.append(runner.evaluate(model, questions, store, options, progress))
        except GgufevalError as error:
            failures.append(Failure(level.label, error))
            say(f"{level.label} failed: {error}")
    return Outcome(tuple(runs), tuple(failures))
