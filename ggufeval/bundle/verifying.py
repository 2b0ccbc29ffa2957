"""Is a bundle whole, and does everything in it agree with everything else?

Who made it, and whether anything was ever measured, only `reproduce` can tell.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Never

from ggufeval.bundle import fields, reading
from ggufeval.bundle.archive import Archive
from ggufeval.bundle.contents import (
    BundledQuestion,
    BundledRecord,
    Environment,
    Manifest,
    Score,
    digest_of,
)
from ggufeval.bundle.reading import Study
from ggufeval.bundle.scoring import score
from ggufeval.errors import DataError
from ggufeval.readers.letter import LetterReader
from ggufeval.types import Question, QuestionSet, Run, RunResult, RunStatus

_STOPPING = re.compile("(?:verdict|budget ([1-9][0-9]{0,8}))?")
_SHA256 = re.compile("[0-9a-f]{64}")
_ROUNDING = 1e-9
_MOST_CHOICES = 10
_MOST_QUESTIONS = 10**7
_MOST_TOKENS = 2**24
"""Of a context or a batch; llama.cpp's own bound of sequences."""
_MOST_SEQUENCES = 256
_MOST_THREADS = 4096

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Verified:
    """One run that is whole."""

    run: Run
    n: int
    n_planned: int
    """Questions."""
    score: Score
    with_text: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """A bundle that is whole."""

    path: str
    sha256: str
    manifest: Manifest
    environment: Environment
    runs: tuple[Verified, ...]


def verify(path: Path, tell: Callable[[Study], None] = lambda _: None) -> Verification:
    """Hold everything against everything else; `tell` is given each run that is whole.

    Raises DataError, one sentence, at the first thing that is wrong.
    """
    from ggufeval.catalog.files import file_sha256

    with Archive(path) as archive:
        manifest, environment = reading.manifest_of(archive)
        used = {"environment.json", *manifest.reports}
        found = []
        for study in reading.studies(archive):
            place = f"{path}, run {study.bundled.run.id}"
            found.append(_verified(study, place))
            tell(study)
            used |= _members(study)
        for name in manifest.members.keys() - used:
            archive.read(name)
        for name in manifest.reports:
            archive.read(name)
    return Verification(str(path), file_sha256(path), manifest, environment, tuple(found))


def _members(study: Study) -> set[str]:
    """Which have been read, and so hashed."""
    b = study.bundled
    own = {b.questions, b.shots, b.plan, b.records, b.template, f"runs/{b.run.id}.json"}
    return own - {""}


def _verified(study: Study, place: str) -> Verified:
    run = study.bundled.run
    _check_conditions(study, place)
    asked = _questions(study.questions, run, place)
    _check_texts(study.shots, place)
    _check_records(study, asked, place)
    _check_batches(study, place)
    questions = {name: _full(question) for name, question in asked.items()}
    answered = {record.question_id: None for record in study.records}
    result = RunResult(
        run,
        tuple(questions[name] for name in questions if name in answered),
        tuple(record.record(run.id) for record in study.records),
    )
    _check_score(study.bundled.score, score(result), place)
    return Verified(
        run,
        len(answered),
        len(questions),
        study.bundled.score,
        with_text=all(question.stem is not None for question in study.questions),
    )


def _fail(place: str, expected: str, found: object) -> Never:
    raise DataError(f"{place}: expected {expected}, found {found}. {fields.ADVICE}")


# --- what it was made under ------------------------------------------------------------------


def _check_conditions(study: Study, place: str) -> None:
    run, fingerprint = study.bundled.run, study.bundled.run.fingerprint
    digest = fingerprint.digest
    if digest != study.bundled.digest:
        _fail(place, f"the fingerprint's digest {digest}", study.bundled.digest[:80])
    if fingerprint.model_sha256 != run.model.sha256:
        _fail(place, f"the model {run.model.sha256[:80]}", fingerprint.model_sha256[:80])
    hashes = fingerprint.model_sha256, fingerprint.plan_hash, fingerprint.questions_sha256
    for name in hashes:
        if not _SHA256.fullmatch(name):
            _fail(place, "a sha256, 64 hexadecimal digits", repr(name[:80]))
    stopping = _STOPPING.fullmatch(fingerprint.stopping)
    if not stopping or int(stopping[1] or 0) >= run.n_questions:
        wanted = "verdict, a budget of fewer questions, or nothing"
        _fail(f"{place}, stopping", wanted, repr(fingerprint.stopping[:80]))
    engine, least = fingerprint.engine, 0 if fingerprint.tool else 1
    bounds = {
        "n_ctx": (engine.n_ctx, least, _MOST_TOKENS),
        "n_batch": (engine.n_batch, least, _MOST_TOKENS),
        "n_ubatch": (engine.n_ubatch, least, _MOST_TOKENS),
        "n_seq_max": (engine.n_seq_max, least, _MOST_SEQUENCES),
        "n_threads": (engine.n_threads, least, _MOST_THREADS),
        "n_gpu_layers": (engine.n_gpu_layers, -1, 2**31),
        "shots": (fingerprint.shots, -1, 1000),
        "max_tokens": (fingerprint.max_tokens, 0, _MOST_TOKENS),
        "temperature": (fingerprint.temperature, 0, 1e6),
        "n_questions": (run.n_questions, 1, _MOST_QUESTIONS),
        "n_batches": (run.n_batches, 1, _MOST_QUESTIONS),
        "seconds": (run.seconds, 0, 1e12),
        "size_bytes": (run.model.size_bytes, 0, fields.GREATEST),
    }
    for name, (value, low, high) in bounds.items():
        if not low <= value <= high:  # NaN is neither
            _fail(f"{place}, {name}", f"{low} to {high:g}", value)


# --- what was asked --------------------------------------------------------------------------


def _questions(
    questions: Sequence[BundledQuestion], run: Run, place: str
) -> dict[str, BundledQuestion]:
    """By id. Their hash is the fingerprint's where all their texts are here."""
    _check_texts(questions, place)
    found = {question.id: question for question in questions}
    if len(found) < len(questions):
        _fail(place, "different questions", f"{len(questions) - len(found)} ids twice")
    texts = [question.question for question in questions]
    whole = tuple(text for text in texts if text is not None)
    if len(whole) == len(texts):
        digest = QuestionSet("", "", whole, {}, {}, run.design).sha256
        if digest != run.fingerprint.questions_sha256:
            _fail(place, f"questions of sha256 {run.fingerprint.questions_sha256}", digest)
    n = len(found)
    if n != run.n_questions and not run.fingerprint.tool:
        _fail(place, f"{run.n_questions:,} questions", f"{n:,}")
    subjects = Counter(question.subject for question in questions)
    for subject, count in subjects.items():
        if not count <= (size := run.population.get(subject, 0)) <= _MOST_QUESTIONS:
            _fail(place, f"{count} questions of {subject[:40]!r} or more in the whole set", size)
    return found


def _check_texts(questions: Iterable[BundledQuestion], place: str) -> None:
    for q in questions:
        where = f"{place}, question {q.id[:80]!r}"
        if not 2 <= q.n_choices <= _MOST_CHOICES or not 0 <= q.answer < q.n_choices:
            _fail(where, "2 to 10 choices, one of them right", f"{q.answer} of {q.n_choices}")
        text = q.question
        if text and (len(text.choices) != q.n_choices or digest_of(text) != q.sha256):
            _fail(where, f"a text with the sha256 {q.sha256[:80]}", digest_of(text))


def _full(bundled: BundledQuestion) -> Question:
    """Where there is no text, one without words."""
    if found := bundled.question:
        return found
    return Question(bundled.id, bundled.subject, "", ("",) * bundled.n_choices, bundled.answer)


# --- what was answered -----------------------------------------------------------------------


def _check_records(study: Study, asked: dict[str, BundledQuestion], place: str) -> None:
    run, seen = study.bundled.run, dict[Key, None]()
    turned = bool(run.fingerprint.permute)
    for record in study.records:
        where = f"{place}, record of {record.question_id[:80]!r}"
        question = asked.get(record.question_id)
        if question is None:
            _fail(where, "a question of the run", "none of that id")
        if not 0 <= record.rotation < (question.n_choices if turned else 1):
            _fail(where, "a rotation of its choices", record.rotation)
        if record.key in seen:
            _fail(where, "one record", "two")
        seen[record.key] = None
        _check_answer(record, question, where, by_tool=bool(run.fingerprint.tool))
        if run.fingerprint.read == LetterReader.name and not run.fingerprint.tool:
            _check_letter(record, question, where)
    if not seen:
        _fail(place, "records", "none")
    if run.n_done != len({name for name, _ in seen}):
        _fail(place, f"answers to {run.n_done:,} questions", f"{len({n for n, _ in seen}):,}")
    if run.status is RunStatus.DONE:
        every = set(_keys(asked.values(), turned=turned))
        if missing := every - seen.keys():
            _fail(place, f"{len(every):,} records of a finished run", f"{len(missing):,} missing")


def _keys(questions: Iterable[BundledQuestion], *, turned: bool) -> Iterator[Key]:
    for question in questions:
        for rotation in range(question.n_choices if turned else 1):
            yield question.id, rotation


def _check_answer(
    record: BundledRecord, question: BundledQuestion, where: str, *, by_tool: bool
) -> None:
    n = question.n_choices
    if record.letter is not None and not 0 <= record.letter < n:
        _fail(where, f"a letter of {n}", record.letter)
    if record.correct != (record.letter == question.answer):
        _fail(where, "a verdict that follows from the letter", str(record.correct).lower())
    if len(record.letter_logits) not in {0, n}:
        _fail(where, f"{n} logits, or none", len(record.letter_logits))
    if any(math.isnan(logit) or logit == math.inf for logit in record.letter_logits):
        _fail(where, "logits that are numbers", "one that is none")
    if not (math.isnan(record.letter_mass) or 0 <= record.letter_mass <= 1 + 1e-3):
        _fail(where, "a probability of the letters from 0 to 1", record.letter_mass)
    if record.margin < 0:
        _fail(where, "a margin from 0", record.margin)
    if not (by_tool or 0 < record.n_tokens <= _MOST_TOKENS):
        _fail(where, "a number of tokens", record.n_tokens)


def _check_letter(record: BundledRecord, question: BundledQuestion, where: str) -> None:
    """What `answers.read_letter` makes of these logits."""
    if len(record.letter_logits) != question.n_choices:
        _fail(where, f"{question.n_choices} logits", len(record.letter_logits))
    best, second = sorted(record.letter_logits, reverse=True)[:2]
    if record.letter is None or record.letter_logits[record.letter] != best:
        _fail(where, "the letter with the greatest logit", record.letter)
    if not math.isclose(record.margin, best - second, abs_tol=_ROUNDING):
        _fail(where, f"the margin {best - second:.6g} of its logits", record.margin)


def _check_batches(study: Study, place: str) -> None:
    run = study.bundled.run
    batches = {batch.position: batch for batch in study.batches}
    if len(batches) < len(study.batches) or any(not 0 <= at < run.n_batches for at in batches):
        _fail(place, f"different batches of {run.n_batches:,}", f"{len(study.batches):,} others")
    own: dict[int, set[Key]] = {}
    for record in study.records:
        own.setdefault(record.batch, set()).add(record.key)
    for position, keys in own.items():
        planned = batches[position].items if position in batches else ()
        if len(planned) != len(keys) or {(name, turn) for name, turn, _ in planned} != keys:
            _fail(place, f"batch {position} to hold its {len(keys)} records", "another batch")
    if run.status is not RunStatus.DONE:
        return
    if len(own) != run.n_batches:
        _fail(place, f"{run.n_batches:,} batches of a finished run", f"{len(own):,}")
    if (last := batches[run.n_batches - 1].chain) != run.fingerprint.plan_hash:
        _fail(place, "the plan's hash behind its last batch", last[:80])


def _check_score(said: Score, found: Score, place: str) -> None:
    if (said.n, said.n_correct) != (found.n, found.n_correct):
        wanted = f"{found.n_correct:,} of {found.n:,} right, as the records have it"
        _fail(place, wanted, f"{said.n_correct:,} of {said.n:,}")
    for name in ("micro", "macro"):
        value, wanted_value = getattr(said, name), getattr(found, name)
        if not math.isclose(value, wanted_value, abs_tol=_ROUNDING):
            _fail(f"{place}, {name} accuracy", f"{wanted_value:.6f}, as the records have it", value)
