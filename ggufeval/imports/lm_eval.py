"""lm-evaluation-harness: the files of `--log_samples`, of its MMLU tasks.

Read off the writers of lm-eval 0.4.0 (`__main__.py`: one JSON list a task, in
`<model args>_<task>.jsonl`), 0.4.2 (the same), 0.4.3, 0.4.9 and 0.4.13
(`loggers/evaluation_tracker.py`: JSON lines, in `samples_<task>_<date>.jsonl`; numbers as text,
`arguments` as an object; `filter` and the hashes came after 0.4.3). Versions before 0.4 keep no
questions apart from their prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ggufeval.errors import DataError, UsageError
from ggufeval.imports import documents, lm_eval_results, lm_eval_sample
from ggufeval.imports.lm_eval_sample import Sample
from ggufeval.imports.log import Log

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+)")
_TASK = re.compile(r"(?:.*_)?(mmlu(?:_.*)?)")
"""At the end of a name that begins with the model's arguments."""


@dataclass(frozen=True, slots=True)
class File:
    """The samples of one task."""

    path: Path
    key: str
    """The files of one run have the same: the name with the subject taken out."""
    task: str
    style: str
    date: str
    answers: tuple[Sample, ...]


def is_named_so(path: Path) -> bool:
    """Whether a file of a folder is to be looked at."""
    return path.suffix == ".jsonl" and "mmlu" in path.stem


def read(files: Iterable[File], wanted_filter: str | None = None) -> list[Log]:
    """The runs that the files belong to, in their order.

    Raises DataError for what is wrong inside, with the place; UsageError where several filters
    have read the answers, and `wanted_filter` names none of them.
    """
    runs: dict[tuple[Path, str], list[File]] = {}
    for file in files:
        runs.setdefault((file.path.parent, file.key), []).append(file)
    return [_log(group, wanted_filter) for group in runs.values()]


def open_file(path: Path) -> File:
    """Raises OtherTaskError for samples of another task."""
    named = _NAME.fullmatch(path.stem)
    task, date = (named["task"], named["date"]) if named else (path.stem, "")
    samples = tuple(
        lm_eval_sample.sample(place, tree, task) for place, tree in documents.samples(path)
    )
    if not samples:
        raise DataError(f"{path}: expected samples of lm-evaluation-harness, found none.")
    subjects = {sample.answer.question.subject for sample in samples}
    key, kind = path.stem, task
    if len(subjects) == 1:
        (subject,) = subjects
        key, kind = key.replace(subject, "*"), task.replace(f"_{subject}", "")
    if not named:
        found = _TASK.fullmatch(kind)
        kind = found[1] if found else "mmlu"
    return File(path, key, task, f"lm-eval:{kind}", date, samples)


def _log(files: Sequence[File], wanted: str | None) -> Log:
    samples = _filtered(files, wanted)
    reads = {sample.read for sample in samples}
    if len(reads) > 1:
        raise DataError(
            f"{files[0].path}: expected one way of reading in a run, found "
            f"{' and '.join(sorted(reads))}. Import the files one by one."
        )
    (read,) = reads
    seen: dict[tuple[str, int | None], str] = {}
    for sample in samples:
        key = (sample.answer.question.subject, sample.answer.number)
        if key in seen:
            raise DataError(
                f"{sample.place}: the doc_id {key[1]} of {key[0]} was at {seen[key]} already. Give "
                "the files of one evaluation, each once."
            )
        seen[key] = sample.place
    paths = [file.path for file in files]
    about = lm_eval_results.beside(paths[0], files[0].date)
    shots = {about.shots(file.task) for file in files}
    tool = "lm-evaluation-harness " + (about.version or _version(files))
    settings = samples[0].settings
    return Log(
        tool=f"{tool} ({about.backend})" if about.backend else tool,
        model=about.model,
        style=files[0].style,
        shots=shots.pop() if len(shots) == 1 else lm_eval_results.UNKNOWN_SHOTS,
        read=read,
        source=_source(files),
        digest=documents.digest(paths),
        answers=tuple(sample.answer for sample in samples),
        created=about.created or _created(files[0].date),
        parser=samples[0].filter if read == "sample" else "",
        temperature=documents.number(settings.get("temperature")),
        max_tokens=int(documents.number(settings.get("max_gen_toks"))),
        population=_population(files, about),
        notes=about.notes,
    )


def _filtered(files: Sequence[File], wanted: str | None) -> list[Sample]:
    samples = [sample for file in files for sample in file.answers]
    names = sorted({sample.filter for sample in samples})
    if wanted is None and len(names) > 1 and samples[0].read == "sample":
        raise UsageError(
            f"{files[0].path}: the answers were read in {len(names)} ways. Say which one: --filter "
            f"{' or '.join(names)}."
        )
    if wanted is not None and wanted not in names:
        raise UsageError(
            f"--filter {wanted}: {files[0].path} was read by {', '.join(filter(None, names))}."
            if any(names)
            else f"--filter {wanted}: {files[0].path} names no filters. Leave it out."
        )
    return [sample for sample in samples if wanted in (None, sample.filter)]


def _source(files: Sequence[File]) -> str:
    first = files[0]
    return first.path.name if len(files) == 1 else f"{len(files)} files {first.key}.jsonl"


def _version(files: Sequence[File]) -> str:
    return "of unknown version" if files[0].date else "0.4.0 to 0.4.2"


def _created(date: str) -> str:
    """`2024-07-29T15-30-12.5`, by the clock of that machine."""
    day, _, time = date.partition("T")
    return f"{day}T{time.partition('.')[0].replace('-', ':')}" if date else ""


def _population(files: Sequence[File], about: lm_eval_results.About) -> dict[str, int]:
    found: dict[str, int] = {}
    for file in files:
        subjects = {sample.answer.question.subject for sample in file.answers}
        n = about.n_questions(file.task)
        if n and len(subjects) == 1:
            found[subjects.pop()] = n
    return found


def refused(path: Path) -> Iterator[str]:
    """Why a `.json` of the tool's holds nothing to import, if it is one."""
    if path.stem.endswith("_write_out_info"):
        yield (
            "it is of a version before 0.4, which keeps no questions apart from their prompts. "
            "Evaluate with 0.4 or later and --log_samples"
        )
    elif path.stem.startswith("results"):
        yield "it holds no answers. Name the files samples_mmlu_*.jsonl beside it (--log_samples)"
