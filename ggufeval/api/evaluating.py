"""Models over questions, into a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from ggufeval import DEFAULT_DB, making, sweep, tasks
from ggufeval.catalog.resolve import Request, Selection, resolve
from ggufeval.errors import UsageError
from ggufeval.runner import Options, Progress
from ggufeval.store import Store
from ggufeval.sweep import Outcome
from ggufeval.types import QuestionSet

Model: TypeAlias = str | Path | Selection
"""A file, a catalogue's or hub's name, `NAME:QUANT`; or what such a name was found to mean."""


def evaluate(
    models: Model | Iterable[Model],
    questions: QuestionSet | None = None,
    options: Options | None = None,
    *,
    db: str | Path = DEFAULT_DB,
    dequantize: str = "",
    keep: bool = True,
    floor: int = 0,
    offline: bool = False,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Evaluate models on questions and store the records, a batch at a time; as `ggufeval run`.

    What is finished is not run again, and what was interrupted goes on. `questions` are MMLU's
    14,042 if none are given. `dequantize` is `f32` or `f16`: quantized files with their weights
    written out, which are deleted afterwards without `keep`. `floor`: so many questions are asked
    again in other batches. Without `options` there are as many shots as the questions have.

    A model that fails does not stop the others: the outcome names it. Raises its error where none
    succeeded, UsageError for what cannot be asked for, and with Ctrl-C KeyboardInterrupt; what is
    stored stays.
    """
    if questions and not options:
        options = Options(shots=_n_shots(questions))
    options = options or Options()
    style = options.reader().style
    if questions and style.takes_shots and _n_shots(questions) != options.shots:
        raise UsageError(
            f"the questions have {_n_shots(questions)} solved examples a subject, and the options "
            f"say shots={options.shots}: give both the same."
        )
    given = [models] if isinstance(models, str | Path | Selection) else list(models)
    if not given:
        raise UsageError("at least one model was expected, and there is none.")
    if dequantize.lower() not in {"", "f32", "f16"}:
        raise UsageError(f"dequantize={dequantize!r}: f32 or f16 was expected.")
    if floor < 0:
        raise UsageError(f"floor={floor}: a number of questions was expected.")
    selections = [_resolved(model, offline=offline, say=say) for model in given]
    if questions is None:
        questions = tasks.load(None, None, shots=options.shots, offline=offline)
    outcome = evaluated(
        making.levels(selections),
        questions,
        options,
        db=Path(db),
        dequantize=dequantize,
        keep=keep,
        floor=floor,
        progress=progress,
        say=say,
    )
    if not outcome.runs:
        raise outcome.failures[0].error
    return outcome


def evaluated(
    levels: tuple[making.Level, ...],
    questions: QuestionSet,
    options: Options,
    *,
    db: Path,
    dequantize: str,
    keep: bool,
    floor: int,
    progress: Progress | None,
    say: Callable[[str], None],
) -> Outcome:
    """As `evaluate`, of what is found already. Every failure is in the outcome."""
    if dequantize:
        levels = written_out(levels, dequantize, beside=False, keep=keep, say=say)
    with Store.open(db) as store:
        return sweep.sweep(
            levels, questions, store, options, n_floor=floor, progress=progress, say=say
        )


def load_questions(
    task: str | None = None,
    *,
    data: str | Path | None = None,
    subjects: str | Sequence[str] = (),
    limit: int | None = None,
    sample: int | None = None,
    seed: int = 0,
    shots: int = 5,
    offline: bool = False,
) -> QuestionSet:
    """Questions with the solved examples of their subjects: `tasks.load`, as the options of `run`.

    `data` is a folder of MMLU or a file of one's own questions; without it MMLU comes from the hub.
    `limit` takes equal numbers from each subject, `sample` takes from all alike, by `seed`. Raises
    UsageError for an option that cannot be, DataError for questions that cannot be read.
    """
    return tasks.load(
        task,
        None if data is None else Path(data),
        subjects=[subjects] if isinstance(subjects, str) else subjects,
        limit=limit,
        sample=sample,
        seed=seed,
        shots=shots,
        offline=offline,
    )


def _n_shots(questions: QuestionSet) -> int:
    return max(map(len, questions.shots.values()), default=0)


def written_out(
    levels: tuple[making.Level, ...],
    kind: str,
    *,
    beside: bool,
    keep: bool,
    say: Callable[[str], None],
) -> tuple[making.Level, ...]:
    """The quantized levels with their weights in `kind`: see `making.with_written_out`."""
    chosen = making.with_written_out(levels, kind.upper(), beside=beside, kept=keep)
    if kind.upper() == "F16" and any(level.written_out for level in chosen):
        say("Note: F16 rounds the weights once more as they are written out; f32 is exact.")
    return chosen


def _resolved(model: Model, *, offline: bool, say: Callable[[str], None]) -> Selection:
    if isinstance(model, Selection):
        return model
    request = Request((), makeable=making.quantizations(), offline=offline, say=say)
    return resolve(str(model), request)
