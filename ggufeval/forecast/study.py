"""What all levels of a sweep have in common, and the run that all levels of a family share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ggufeval import memory, permute, runner
from ggufeval.catalog.files import check_gguf
from ggufeval.errors import GgufevalError
from ggufeval.forecast import characters
from ggufeval.forecast.files import LevelFile
from ggufeval.forecast.pace import Setting
from ggufeval.job import Job, prepare
from ggufeval.llama.client import ModelProcess
from ggufeval.store import Store
from ggufeval.types import Origin, QuestionSet, Run, Surety

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Study:
    questions: QuestionSet
    store: Store | None
    runs: tuple[Run, ...]
    """All that are stored, newest first."""
    options: runner.Options
    setting: Setting
    room: memory.Room
    say: Say


@dataclass(frozen=True, slots=True)
class Outline:
    """What a family's levels would each decode."""

    n_tokens: int
    surety: Surety
    job: Job | None
    """None where no file is here that could tell the tokens."""
    trouble: str = ""
    """Why the files that are here cannot be run."""
    seconds: float = 0.0
    """That the prompts and the plan took."""
    own_bytes: int = 0
    """Of the process that made them, then."""


def outline(study: Study, family: Sequence[LevelFile]) -> Outline:
    """From the first file that is here and can be read, else from characters."""
    trouble = ""
    for file in family:
        if file.origin is Origin.FETCHED or file.source.lacking is not None:
            continue
        parts = file.parts if file.origin is Origin.HERE else file.source.parts
        try:
            for part in parts:
                check_gguf(part)
            with ModelProcess() as process:
                started = time.perf_counter()
                model = runner.ModelFiles(parts, "")
                job = prepare(process, model, study.questions, study.options)
                seconds, own = time.perf_counter() - started, process.resident()
        except GgufevalError as error:
            trouble = trouble or str(error)
        else:
            surety = Surety.ABOUT if study.questions.is_outline else Surety.EXACT
            n_tokens = job.work.plan.n_tokens
            return Outline(n_tokens, surety, job, seconds=seconds, own_bytes=own)
    put = tuple(
        permute.rotated(question, rotation)
        for question in study.questions.questions
        for rotation in (permute.rotations(question) if study.options.permute else (0,))
    )
    n = characters.n_tokens(study.setting.reader, put, study.questions)
    return Outline(n, Surety.ABOUT, None, trouble)
