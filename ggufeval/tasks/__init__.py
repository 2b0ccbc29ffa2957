"""Where questions come from.

A task is a module of this package with a `TASK`: a new one is one new file. A file of one's own
questions needs no task.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path

from ggufeval.errors import DataError, UsageError
from ggufeval.tasks import files, hub, outline, sampling
from ggufeval.tasks.source import Source, Task
from ggufeval.types import QuestionSet

__all__ = ["load", "task_names", "tasks"]

DEFAULT = "mmlu"


def load(
    task: str | None,
    data: Path | None,
    *,
    subjects: Sequence[str] = (),
    limit: int | None = None,
    sample: int | None = None,
    seed: int = 0,
    shots: int = 5,
    offline: bool = False,
    fetch: bool = True,
) -> QuestionSet:
    """The questions of a study, with the shots of each subject that is among them.

    `task` is one of `task_names()`; without it, `data` decides: a file of one's own questions, or
    a folder of MMLU; without both it is MMLU from the hub. `limit` takes equal numbers from each
    subject, `sample` takes from all questions alike; `subjects` may be separated by commas.
    Without `fetch`, MMLU that is not on this disk comes as an outline.

    Raises UsageError for an option that cannot be, DataError for questions that cannot be read.
    """
    sampling.check(limit, sample, shots)
    return sampling.select(
        _source(task, data, offline=offline) if fetch else _foreseen(task, data),
        subjects=subjects,
        limit=limit,
        sample=sample,
        seed=seed,
        shots=shots,
    )


def task_names() -> list[str]:
    """The names that `--task` takes, sorted."""
    return sorted(tasks())


def tasks() -> dict[str, Task]:
    """Name -> task, of every module here that has one."""
    modules = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
    ]
    found = [module.TASK for module in modules if isinstance(getattr(module, "TASK", None), Task)]
    return {task.name: task for task in found}


def _source(name: str | None, data: Path | None, *, offline: bool) -> Source:
    task = _task(DEFAULT if name is None else name)
    if data is not None and not data.exists() and not task.is_elsewhere(data):
        raise UsageError(f"--data {data} does not exist: expected a file or a folder of questions.")
    if data is not None and data.exists() and not (data.is_file() or data.is_dir()):
        raise UsageError(f"--data {data} is a pipe or a device: expected a file or a folder.")
    if name is None and data is not None and data.is_file():
        return files.load(data)
    return task.load(data, offline=offline)


def _foreseen(name: str | None, data: Path | None) -> Source:
    if data is None and name in {None, DEFAULT} and not hub.is_cached():
        return outline.mmlu()
    try:
        return _source(name, data, offline=True)
    except DataError as error:
        raise DataError(f"A dry run fetches nothing. {error}") from error


def _task(name: str) -> Task:
    known = tasks()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(known))}."
        raise UsageError(f"There is no task {name!r}. {hint} Own questions go with --data FILE.")
    return known[name]
