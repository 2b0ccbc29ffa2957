"""Inspect: logs (`.eval`, `.json`) of `inspect_evals/mmlu_0_shot` and its like.

Read off `EvalLog`, `EvalSample` and `Score` of inspect-ai 0.3.285 and `mmlu` of inspect-evals
0.28.0: a question has `choices`, a letter as `target`, and a verdict of the scorer `choice`.
"""

from __future__ import annotations

import hashlib
import json
import re
import reprlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from ggufeval.errors import DataError
from ggufeval.imports import archive, documents, verdicts
from ggufeval.imports.documents import OtherTaskError, Tree, get
from ggufeval.imports.log import UNKNOWN_SHOTS, Answer, Log
from ggufeval.tasks import rows
from ggufeval.tasks.tables import Row
from ggufeval.types import Question, Record

_HEAD = re.compile(rb'\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:')
"""How its JSON begins: the order is part of the format (`EvalLog`)."""
_VERSION = re.compile(r"\d[\w.+-]{0,40}")
_CORRECT = {"C": True, "I": False, "N": False, 1: True, 0: False}


def is_log(path: Path) -> bool:
    if path.suffix == ".eval":
        return True
    return path.suffix == ".json" and bool(_HEAD.match(documents.head(path)))


def read(path: Path) -> Log:
    """Raises DataError for a log that is none of MMLU, or what is wrong inside."""
    if path.suffix == ".eval":
        header, samples = archive.read(path)
    else:
        header = documents.document(path)
        found = header.get("samples")
        listed = found if isinstance(found, list) else []
        samples = ((f"{path}, sample {i}", tree) for i, tree in enumerate(listed))
    about = get(header, "eval", dict, str(path))
    task = rows.text(Row(str(path), {}), about.get("task"), "task")
    if "mmlu" not in task:
        raise OtherTaskError(
            f"{path}: expected a log of MMLU, as of inspect_evals/mmlu_0_shot, found one of "
            f"{reprlib.repr(task)}. Name another log."
        )
    return _log(path, header, about, task.rpartition("/")[2], samples)


def _log(
    path: Path, header: Tree, about: Tree, task: str, samples: Iterable[tuple[str, Any]]
) -> Log:
    answers: dict[tuple[str, str], Answer] = {}
    scorers: set[str] = set()
    n_failed = n_repeated = 0
    for place, tree in samples:
        if not isinstance(tree, dict):
            raise DataError(f"{place}: expected a JSON object, found {reprlib.repr(tree)}.")
        key = (str(tree.get("id")), str(tree.get("epoch", 1)))
        if key[1] != "1":
            n_repeated += 1
        elif tree.get("error") or not tree.get("scores"):
            n_failed += 1
        elif key in answers:
            raise DataError(f"{place}: the sample {key[0]!r} is there twice. Copy the log again.")
        else:
            scorer, answers[key] = _answer(place, tree)
            scorers.add(scorer)
    if not answers:
        raise DataError(f"{path}: expected samples with scores, found none. Name another log.")
    notes = [f"The log's status is {header.get('status')!r}."] * (header.get("status") != "success")
    notes += [f"{n_failed:,} samples have an error or no score: left out."] * bool(n_failed)
    notes += [f"{n_repeated:,} samples of further epochs: left out."] * bool(n_repeated)
    settings = _settings(header, about)
    return Log(
        tool=f"inspect {_version(about)}",
        model=_model(about),
        style=f"inspect:{task}",
        shots=_shots(task),
        read="sample",
        source=path.name,
        digest=documents.digest([path]),
        answers=tuple(answers.values()),
        created=_created(about.get("created")),
        parser=", ".join(sorted(scorers)),
        temperature=float(documents.number(settings.get("temperature"))),
        max_tokens=int(documents.number(settings.get("max_tokens"))),
        notes=tuple(notes),
    )


def _version(about: Tree) -> str:
    packages = about.get("packages")
    version = packages.get("inspect_ai") if isinstance(packages, dict) else None
    is_one = isinstance(version, str) and _VERSION.fullmatch(version)
    return str(version) if is_one else "of unknown version"


def _model(about: Tree) -> str:
    """Without what serves it: `hf/meta-llama/Llama-3.2-1B`."""
    model = about.get("model")
    return documents.encodable(model) if isinstance(model, str) else ""


def _shots(task: str) -> int:
    found = re.search(r"(\d{1,3})_shot", task)
    return int(found[1]) if found else UNKNOWN_SHOTS


def _settings(header: Tree, about: Tree) -> Tree:
    """What all generations were asked for: the plan's, over the model's own."""
    plan = header.get("plan")
    plan = plan if isinstance(plan, dict) else {}
    found: Tree = {}
    for settings in (about.get("model_generate_config"), plan.get("config")):
        given = settings.items() if isinstance(settings, dict) else ()
        found |= {name: value for name, value in given if value is not None}
    return found


def _created(value: object) -> str:
    try:
        return datetime.fromisoformat(str(value)).isoformat(timespec="seconds")
    except ValueError:
        return ""


# --- one sample ------------------------------------------------------------------------------


def _answer(place: str, tree: Tree) -> tuple[str, Answer]:
    question = _question(place, tree)
    name, score = _score(place, get(tree, "scores", dict, place))
    value = score.get("value")
    if not isinstance(value, str | int | float) or value not in _CORRECT:
        raise DataError(
            f"{place}: expected the score C or I, found {reprlib.repr(value)}. Such a scorer "
            "cannot be read."
        )
    said = score.get("answer")
    letter = verdicts.letter_of(said, question) if isinstance(said, str) else None
    text = _completion(tree) or (said if isinstance(said, str) else "")
    text = documents.encodable(text)
    record: Record = verdicts.by_answer(question, letter, text, correct=_CORRECT[value])
    return name, Answer(question, record, None, _sent(tree))


def _question(place: str, tree: Tree) -> Question:
    metadata = tree.get("metadata")
    subject = metadata.get("subject") if isinstance(metadata, dict) else None
    target = tree.get("target")
    if isinstance(target, list) and len(target) == 1:
        (target,) = target
    fields = {"question": _stem(tree), "choices": tree.get("choices"), "answer": target}
    row = Row(place, fields)
    return rows.question(row, "", rows.text(row, subject, "subject in the sample's metadata"))


def _stem(tree: Tree) -> object:
    """With shots, the input is a conversation, and the question its last message."""
    said = tree.get("input")
    if isinstance(said, list) and said and isinstance(said[-1], dict):
        said = said[-1].get("content")
        if isinstance(said, list):
            parts = [part.get("text") for part in said if isinstance(part, dict)]
            said = "".join(part for part in parts if isinstance(part, str))
    return said


def _score(place: str, scores: Tree) -> tuple[str, Tree]:
    name = "choice" if "choice" in scores else next(iter(scores), "")
    score = scores.get(name)
    if (name != "choice" and len(scores) != 1) or not isinstance(score, dict):
        raise DataError(
            f"{place}: expected a score of the scorer choice, found "
            f"{reprlib.repr(', '.join(scores))}. Such a log cannot be read."
        )
    return documents.encodable(name), score


def _completion(tree: Tree) -> str:
    output = tree.get("output")
    found = output.get("completion") if isinstance(output, dict) else None
    return found if isinstance(found, str) else ""


def _sent(tree: Tree) -> str:
    """Hash of the conversation before the answer; of the input where it was not kept."""
    messages = tree.get("messages")
    kept = [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    while kept and kept[-1].get("role") == "assistant":
        kept.pop()
    said: object = [(m.get("role"), m.get("content")) for m in kept] or tree.get("input")
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
