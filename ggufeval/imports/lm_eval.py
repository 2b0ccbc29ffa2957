"""lm-evaluation-harness: the files of `--log_samples`, of its MMLU tasks.

Read off the writers of lm-eval 0.4.0 (`__main__.py`: one JSON list a task, in
`<model args>_<task>.jsonl`), 0.4.2 (the same), 0.4.3, 0.4.9 and 0.4.13
(`loggers/evaluation_tracker.py`: JSON lines, in `samples_<task>_<date>.jsonl`; numbers as text,
`arguments` as an object; `filter` and the hashes came after 0.4.3). Versions before 0.4 keep no
questions apart from their prompts.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ggufeval.errors import DataError, UsageError
from ggufeval.imports import documents, lm_eval_results, verdicts
from ggufeval.imports.documents import Tree, get
from ggufeval.imports.log import Answer, Log
from ggufeval.tasks import rows
from ggufeval.tasks.tables import Row
from ggufeval.types import LETTERS, Question, Record

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+)")
_TASK = re.compile(r"(?:.*_)?(mmlu(?:_.*)?)")
"""At the end of a name that begins with the model's arguments."""
_LARGEST = 1e30
"""Beyond it, no log-probability is one; the store keeps 32 bits."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    key: str
    """The files of one run have the same: the name with the subject taken out."""
    task: str
    style: str
    date: str
    answers: tuple[_Sample, ...]


@dataclass(frozen=True, slots=True)
class _Sample:
    answer: Answer
    read: str
    filter: str
    place: str
    settings: Mapping[str, Any]
    """Of a generation."""


def is_named_so(path: Path) -> bool:
    """Whether a file of a folder is to be looked at."""
    return path.suffix == ".jsonl" and "mmlu" in path.stem


def read(paths: Iterable[Path], wanted_filter: str | None = None) -> list[Log]:
    """The runs that the files belong to, in their order.

    Raises DataError for what is wrong inside, with the place; UsageError where several filters
    have read the answers, and `wanted_filter` names none of them.
    """
    runs: dict[tuple[Path, str], list[_File]] = {}
    for path in paths:
        file = _file(path)
        runs.setdefault((path.parent, file.key), []).append(file)
    return [_log(files, wanted_filter) for files in runs.values()]


def _file(path: Path) -> _File:
    samples = tuple(_sample(place, tree, path) for place, tree in documents.samples(path))
    if not samples:
        raise DataError(f"{path}: expected samples of lm-evaluation-harness, found none.")
    named = _NAME.fullmatch(path.stem)
    task, date = (named["task"], named["date"]) if named else (path.stem, "")
    subjects = {sample.answer.question.subject for sample in samples}
    key, kind = path.stem, task
    if len(subjects) == 1:
        (subject,) = subjects
        key, kind = key.replace(subject, "*"), task.replace(f"_{subject}", "")
    if not named:
        found = _TASK.fullmatch(kind)
        kind = found[1] if found else "mmlu"
    return _File(path, key, task, f"lm-eval:{kind}", date, samples)


def _log(files: Sequence[_File], wanted: str | None) -> Log:
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


def _filtered(files: Sequence[_File], wanted: str | None) -> list[_Sample]:
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


def _source(files: Sequence[_File]) -> str:
    first = files[0]
    return first.path.name if len(files) == 1 else f"{len(files)} files {first.key}.jsonl"


def _version(files: Sequence[_File]) -> str:
    return "of unknown version" if files[0].date else "0.4.0 to 0.4.2"


def _created(date: str) -> str:
    """`2024-07-29T15-30-12.5`, by the clock of that machine."""
    day, _, time = date.partition("T")
    return f"{day}T{time.partition('.')[0].replace('-', ':')}" if date else ""


def _population(files: Sequence[_File], about: lm_eval_results.About) -> dict[str, int]:
    found: dict[str, int] = {}
    for file in files:
        subjects = {sample.answer.question.subject for sample in file.answers}
        n = about.n_questions(file.task)
        if n and len(subjects) == 1:
            found[subjects.pop()] = n
    return found


# --- one sample ------------------------------------------------------------------------------


def _sample(place: str, tree: Tree, path: Path) -> _Sample:
    doc = tree.get("doc")
    if not isinstance(doc, dict) or not {"question", "choices", "answer"} <= doc.keys():
        found = ", ".join(map(reprlib.repr, doc)) if isinstance(doc, dict) else "no doc"
        raise DataError(
            f"{place}: expected a sample of an MMLU task of lm-evaluation-harness, whose doc has "
            f"question, choices and answer, found {found or 'an empty doc'}. Other tasks, and "
            "versions before 0.4, cannot be read."
        )
    question = _question(place, doc, path)
    number = get(tree, "doc_id", int, place)
    requests = _requests(place, tree)
    answers = get(tree, "filtered_resps", list, place)
    sent = hashlib.sha256(json.dumps(requests, sort_keys=True).encode()).hexdigest()
    name = tree.get("filter", "")
    second = requests[0][1] if len(requests[0]) > 1 else {}
    if isinstance(second, str):
        read, record = _likelihoods(place, tree, question, requests, answers)
    else:
        read, record = "sample", _text(place, tree, question, answers)
    return _Sample(
        Answer(question, record, number, sent),
        read,
        rows.text(Row(place, {}), name, "filter") if name else "",
        place,
        second if isinstance(second, dict) else {},
    )


def _question(place: str, doc: Tree, path: Path) -> Question:
    row = Row(place, {name: doc[name] for name in ("question", "choices", "answer")})
    subject = doc.get("subject")
    if subject is None and (named := _NAME.fullmatch(path.stem)):
        subject = named["task"].partition("mmlu_")[2]
    return rows.question(row, "", rows.text(row, subject, "subject"))


def _requests(place: str, tree: Tree) -> list[list[Any]]:
    """The arguments of each request: a context, and a continuation or settings."""
    found = tree.get("arguments")
    if isinstance(found, dict):
        found = [
            list(request.values()) if isinstance(request, dict) else request
            for _, request in sorted(found.items(), key=lambda item: _place_of(item[0]))
        ]
    if (
        not isinstance(found, list)
        or not found
        or not all(isinstance(request, list) and request for request in found)
    ):
        raise DataError(
            f"{place}: expected the requests as 'arguments', a list or an object of gen_args_0, "
            "gen_args_1, ..., found neither. Is it a file of samples, unchanged?"
        )
    return found


def _place_of(name: str) -> int:
    """Of `gen_args_10`: 10."""
    digits = name.rpartition("_")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0


def _likelihoods(
    place: str,
    tree: Tree,
    question: Question,
    requests: Sequence[Sequence[Any]],
    answers: Sequence[object],
) -> tuple[str, Record]:
    """`acc_mutual_info` asks for more, behind those of the choices."""
    k = len(question.choices)
    put = [str(request[1]).strip() for request in requests[:k]]
    letters = list(LETTERS[:k])
    if put not in (letters, [choice.strip() for choice in question.choices]) or len(answers) < k:
        raise DataError(
            f"{place}: expected a likelihood of each of {k} letters, or of each choice's text, "
            f"found {len(answers)} of {reprlib.repr(put)}. Is it an MMLU task?"
        )
    values = [_logprob(place, answer) for answer in answers[:k]]
    greatest = max(range(k), key=values.__getitem__)
    _check(place, tree, "acc", greatest == question.answer)
    if put == letters:
        return "letter", verdicts.by_letter(question, values)
    return "cloze", verdicts.by_text(question, values)


def _logprob(place: str, answer: object) -> float:
    """Of `[-1.5, false]` or `["-1.5", "False"]`."""
    first = answer[0] if isinstance(answer, list) and answer else answer
    try:
        value = math.nan if isinstance(first, bool) else float(first)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if math.isnan(value) or value > _LARGEST or -math.inf < value < -_LARGEST:
        raise DataError(
            f"{place}: expected log-likelihoods in filtered_resps, found {reprlib.repr(answer)}. "
            "Evaluate again: no answer can be read off that."
        )
    return value


def _text(place: str, tree: Tree, question: Question, answers: Sequence[object]) -> Record:
    first = answers[0] if answers else None
    while isinstance(first, list) and first:
        first = first[0]
    if not isinstance(first, str):
        raise DataError(
            f"{place}: expected a text in filtered_resps, found {reprlib.repr(first)}. Is it an "
            "MMLU task?"
        )
    text = documents.encodable(first)
    correct = _verdict(tree, "exact_match")
    if correct is None:
        raise DataError(
            f"{place}: expected the verdict on a text as exact_match, 0 or 1, found "
            f"{reprlib.repr(tree.get('exact_match'))}. Is it an MMLU task?"
        )
    return verdicts.by_answer(question, verdicts.letter_of(text, question), text, correct=correct)


def _check(place: str, tree: Tree, name: str, correct: object) -> None:
    """The tool's own verdict is the proof that its numbers were read as they are meant."""
    theirs = _verdict(tree, name)
    if theirs is not None and theirs != correct:
        raise DataError(
            f"{place}: its {name} is {tree[name]!r}, its log-likelihoods and its right answer say "
            "otherwise. The file was changed, or is of a version that is not known here."
        )


def _verdict(tree: Tree, name: str) -> bool | None:
    value = tree.get(name)
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def refused(path: Path) -> Iterator[str]:
    """Why a `.json` of the tool's holds nothing to import, if it is one."""
    if path.stem.endswith("_write_out_info"):
        yield (
            "it is of a version before 0.4, which keeps no questions apart from their prompts. "
            "Evaluate with 0.4 or later and --log_samples"
        )
    elif path.stem.startswith("results"):
        yield "it holds no answers. Name the files samples_mmlu_*.jsonl beside it (--log_samples)"
