"""What a sweep would do, how long it would take and what it could show, before it does any of it.

Nothing is fetched, made or stored; and nothing is run but the few batches that tell a file's speed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ggufeval import fit, memory, runner
from ggufeval.catalog.files import file_sha256
from ggufeval.forecast.files import LevelFile, disks, level_files
from ggufeval.forecast.levels import level_forecasts
from ggufeval.forecast.pace import Setting
from ggufeval.forecast.study import Outline, Study, outline
from ggufeval.job import gpu_layers
from ggufeval.llama.client import ModelProcess
from ggufeval.making import Level
from ggufeval.stats.outlook import DISCORDANCES, detectable
from ggufeval.store import Store
from ggufeval.types import FamilyForecast, Forecast, LevelForecast, Origin, QuestionSet

__all__ = ["forecast"]


def forecast(
    levels: Sequence[Level],
    questions: QuestionSet,
    store: Store | None,
    options: runner.Options,
    *,
    margin: float,
    alpha: float,
    say: Callable[[str], None] = lambda _: None,
) -> Forecast:
    """What `sweep.sweep` would do with the same arguments. The margin is in [0, 1]; an alpha of 0
    says that nothing is to be compared.

    Levels whose files are not here come from a request that does not let fetch. A level that would
    fail says why. Raises UsageError for options that do not go together.
    """
    reader = options.reader()
    files = level_files(levels)
    options = _with_layers(options, files, questions, store)
    setting, gpus = _machine(options)
    room = memory.room(options.memory_limit, gpus)
    runs = store.runs() if store else ()
    study = Study(questions, store, runs, options, setting, room, say)
    return Forecast(
        task=questions.task,
        source=questions.source,
        design=questions.design,
        n_questions=len(questions.questions),
        n_population=sum(questions.population.values()),
        n_subjects=len({question.subject for question in questions.questions}),
        prompt=reader.prompt,
        shots=options.shots if reader.style.takes_shots else 0,
        read=reader.name,
        families=tuple(
            FamilyForecast(
                tuple(found), one.n_tokens, one.surety, _detectable(questions, len(found), alpha)
            )
            for one, found in _families(study, files)
        ),
        disks=disks(files),
        memory_total=room.total,
        memory_available=room.available,
        margin=margin,
        alpha=alpha,
        memory_is_limit=room.is_limit,
    )


def _with_layers(
    options: runner.Options,
    files: Sequence[LevelFile],
    questions: QuestionSet,
    store: Store | None,
) -> runner.Options:
    """The layers on the GPUs, by the largest file that is here."""
    here = [file for file in files if file.origin is Origin.HERE]
    if not here:
        return options
    parts = max(here, key=lambda file: file.size_bytes or 0).parts

    def largest() -> runner.ModelFiles:
        return runner.ModelFiles(parts, file_sha256(parts[0]))

    return fit.with_layers(options, largest, questions, store)


def _machine(options: runner.Options) -> tuple[Setting, dict[str, int]]:
    """What a speed depends on, and what is free on the GPUs."""
    reader = options.reader()
    with ModelProcess() as process:
        machine, gpus = process.machine(), process.free_on_gpus()
    setting = Setting(
        machine.build,
        options.n_threads or runner.physical_cores(),
        gpu_layers(machine, options.n_gpu_layers),
        options.n_batch,
        options.n_ubatch,
        options.shots if reader.style.takes_shots else 0,
        options.repack,
        reader,
    )
    return setting, gpus


def _families(
    study: Study, files: Sequence[LevelFile]
) -> list[tuple[Outline, list[LevelForecast]]]:
    """Levels with equal plans are compared with one another, whatever their files are called."""
    by_name: dict[str, list[LevelFile]] = {}
    for file in files:
        by_name.setdefault(file.source.family, []).append(file)
    by_plan: dict[str, tuple[Outline, list[LevelForecast]]] = {}
    for name, members in by_name.items():
        one = outline(study, members)
        key = one.job.fingerprint.plan_hash if one.job else name
        by_plan.setdefault(key, (one, []))[1].extend(level_forecasts(study, one, members))
    return list(by_plan.values())


def _detectable(
    questions: QuestionSet, n_levels: int, alpha: float
) -> tuple[tuple[float, float], ...]:
    if n_levels == 1 or not alpha:
        return ()
    asked, design, population = questions.questions, questions.design, questions.population
    k = n_levels - 1
    return tuple(
        (share, detectable(asked, design, population, share, n_candidates=k, alpha=alpha))
        for share in DISCORDANCES
    )
