"""Records of other tools: which files they are, and the runs that they hold.

One module a format. What is read from which key stands in `docs/imports.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ggufeval.errors import DataError, UsageError
from ggufeval.imports import inspect_ai, lm_eval
from ggufeval.imports.documents import OtherTaskError
from ggufeval.imports.log import Log
from ggufeval.imports.storing import Stored, known, put

__all__ = ["Log", "Stored", "known", "put", "read"]

T = TypeVar("T")


def read(paths: Sequence[Path], wanted_filter: str | None = None) -> tuple[list[Log], list[str]]:
    """The runs that files and folders hold, and what in the folders was passed over, in sentences.

    Raises UsageError for what is no such file, DataError for what is wrong inside.
    """
    files: dict[Path, None] = {}
    skipped: list[str] = []
    for path in paths:
        if path.is_dir():
            found = list(_in_folder(path, skipped))
            if not found:
                raise UsageError(
                    f"{path}: expected samples_mmlu_*.jsonl of lm-evaluation-harness or logs of "
                    "inspect (.eval, .json), found none. Name the folder or the files that hold "
                    "the answers."
                )
            files |= dict.fromkeys(found)
        elif path.is_file():
            files[path] = None
        else:
            raise UsageError(f"{path} does not exist: expected a file or a folder of records.")
    samples = [path for path in files if path.suffix == ".jsonl"]
    logs = [path for path in files if path.suffix != ".jsonl"]
    for path in logs:
        if not inspect_ai.is_log(path):
            raise UsageError(_refusal(path))
    of_mmlu = _without_others(samples, lm_eval.open_file, paths, skipped)
    runs = lm_eval.read(of_mmlu, wanted_filter)
    runs += _without_others(logs, inspect_ai.read, paths, skipped)
    if not runs:
        raise DataError(f"{paths[0]} holds no records of MMLU. {' '.join(skipped)}")
    return runs, skipped


def _in_folder(folder: Path, skipped: list[str]) -> Iterator[Path]:
    others = 0
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".jsonl" and not lm_eval.is_named_so(path):
            others += path.stem.startswith("samples_")
        elif path.is_file() and (lm_eval.is_named_so(path) or _is_log(path)):
            yield path
    if others:
        skipped.append(f"{folder}: {others:,} files of samples are of other tasks: left out.")


def _is_log(path: Path) -> bool:
    return path.suffix in {".eval", ".json"} and inspect_ai.is_log(path)


def _without_others(
    paths: Iterable[Path], read: Callable[[Path], T], named: Sequence[Path], skipped: list[str]
) -> list[T]:
    """What can be read; in a folder, files of other tasks are passed over."""
    found = []
    for path in paths:
        try:
            found.append(read(path))
        except OtherTaskError as error:
            if path in named:
                raise
            skipped.append(f"Left out: {error}")
    return found


def _refusal(path: Path) -> str:
    expected = (
        f"{path}: expected samples_mmlu_*.jsonl of lm-evaluation-harness or a log of inspect "
        "(.eval, .json), "
    )
    why = next(lm_eval.refused(path), "")
    return f"{expected}{f'but {why}.' if why else 'found neither. Name another file.'}"
