"""A database of results as tidy tables for pandas. `docs/api.md` describes the columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggufeval import DEFAULT_DB
from ggufeval.api import choice
from ggufeval.api.comparing import Compared, known_floors, together
from ggufeval.errors import ComparisonError
from ggufeval.export import frame
from ggufeval.store import Store, is_repeat
from ggufeval.types import Floor, Run, RunResult

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Results:
    """What a database held when it was loaded."""

    results: tuple[RunResult, ...]
    """Every run with its questions and records, the newest first."""
    floors: Mapping[str, Floor]
    """Run id -> its flip floor, where one was measured."""

    @cached_property
    def compared(self) -> tuple[Compared, ...]:
        """Each set of runs that differ in nothing but the model, with its reference."""
        return tuple(_compared(self.results, self.floors))

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row a run, the newest first."""
        import pandas as pd

        table = pd.DataFrame([_run(result.run) for result in self.results], columns=_RUN)
        return table.assign(created=pd.to_datetime(table["created"], utc=True, errors="coerce"))

    @cached_property
    def records(self) -> pd.DataFrame:
        """One row a question, rotation and run: the columns of `ggufeval export`."""
        return frame(self.results)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """One row a model of each of `compared`, numbered by `comparison`, as `Compared.frame`."""
        import pandas as pd

        tables = [each.frame().assign(comparison=i) for i, each in enumerate(self.compared)]
        if not tables:
            return pd.DataFrame(columns=["comparison", "reference", "model"])
        names = [table["model"].iloc[0] for table in tables]
        for table, name in zip(tables, names, strict=True):
            table.insert(0, "reference", name)
            table.insert(0, "comparison", table.pop("comparison"))
        return pd.concat(tables, ignore_index=True)


def load(db: str | Path = DEFAULT_DB) -> Results:
    """Every result of a database, which is read and not changed.

    Raises StoreError where there is none, and where it is another program's or damaged.
    """
    with Store.open(Path(db), read_only=True) as store:
        results = tuple(store.result(run.id) for run in store.runs())
        return Results(results, known_floors(store, results))


def _compared(results: Sequence[RunResult], floors: Mapping[str, Floor]) -> Iterator[Compared]:
    by_run = {result.run.id: result for result in results}
    for runs in _sets([result.run for result in results]):
        reference = choice.choose_reference(runs, None)
        rest = choice.ordered([run for run in runs if run is not reference])
        try:
            yield together([by_run[run.id] for run in (reference, *rest)], floors)
        except ComparisonError:  # no question in common yet, or other texts under the same ids
            continue


def _sets(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Runs under the same conditions, of each model the newest; without repeats for a floor."""
    found: dict[tuple[str, str, str], dict[str, Run]] = {}
    for run in runs:
        if not run.n_done or any(_is_floor_of(run, other) for other in runs):
            continue
        conditions = replace(run.fingerprint, model_sha256="").to_json()
        models = found.setdefault((run.task, run.source, conditions), {})
        models.setdefault(run.model.sha256, run)
    return (list(models.values()) for models in found.values() if len(models) > 1)


def _is_floor_of(run: Run, other: Run) -> bool:
    """Whether it only asked some of the other's questions again, in other batches."""
    return is_repeat(run, other) and run.n_questions < other.n_questions


def _run(run: Run) -> dict[str, Any]:
    model, conditions = run.model, run.fingerprint
    return {
        "run_id": run.id,
        "created": run.created,
        "status": str(run.status),
        "model": model.label,
        "quantization": model.quantization,
        "bits_per_weight": model.bits_per_weight,
        "size_bytes": model.size_bytes,
        "n_params": model.n_params,
        "architecture": model.architecture,
        "requantized_from": model.requantized_from,
        "quantized_from": model.quantized_from,
        "imatrix": model.imatrix,
        "model_sha256": model.sha256,
        "task": run.task,
        "source": run.source,
        "design": str(run.design),
        "n_questions": run.n_questions,
        "n_done": run.n_done,
        "prompt_style": conditions.prompt_style,
        "shots": conditions.shots,
        "read": conditions.read,
        "tool": conditions.tool,
        "n_tokens": run.n_tokens,
        "seconds": run.seconds,
        "peak_rss_bytes": run.peak_rss_bytes,
        "n_threads": conditions.engine.n_threads,
        "n_gpu_layers": conditions.engine.n_gpu_layers,
        "repack": conditions.engine.repack,
        "llama_cpp_python": conditions.build.llama_cpp_python,
        "plan_hash": conditions.plan_hash,
        "questions_sha256": conditions.questions_sha256,
        "command": run.command,
    }


_RUN = (
    "run_id", "created", "status", "model", "quantization", "bits_per_weight", "size_bytes",
    "n_params", "architecture", "requantized_from", "quantized_from", "imatrix", "model_sha256",
    "task", "source", "design", "n_questions", "n_done", "prompt_style", "shots", "read", "tool",
    "n_tokens", "seconds", "peak_rss_bytes", "n_threads", "n_gpu_layers", "repack",
    "llama_cpp_python", "plan_hash", "questions_sha256", "command",
)  # fmt: skip
