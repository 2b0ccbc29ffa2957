"""Runs a bundle's study again, into a database of its own, and says what comes out otherwise."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ggufeval import prompts, runner
from ggufeval.bundle.archive import Archive
from ggufeval.bundle.comparing import Outcome, Reproduction, compared, differences
from ggufeval.bundle.contents import BundledBatch, BundledRecord, BundledRun
from ggufeval.bundle.models import Models
from ggufeval.bundle.questions import question_set
from ggufeval.bundle.reading import Study, studies
from ggufeval.bundle.verifying import Verification, verify
from ggufeval.errors import GgufevalError, StoreError, UsageError
from ggufeval.llama.client import ModelProcess
from ggufeval.prompts import user_template
from ggufeval.readers.sample import CHOICE, EXACT, JSON, LETTER, NONE
from ggufeval.store import Store
from ggufeval.types import QuestionSet

COMMAND = "ggufeval reproduce"
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class Request:
    """What a user can choose."""

    db: Path
    """For the results, which belong to nothing else."""
    models: Path | None = None
    data: Path | None = None
    """The questions, where the bundle has no texts."""
    sample: int | None = None
    """About so many questions a run, in whole batches; None: all."""
    offline: bool = False
    progress: runner.Progress | None = None
    say: Callable[[str], None] = lambda _: None


def reproduce(
    path: Path, request: Request, tell: Callable[[Reproduction], None] = lambda _: None
) -> tuple[Verification, tuple[Reproduction, ...]]:
    """Verify a bundle, then run it again; `tell` is given each run as soon as it is through.

    Raises DataError where the bundle is bad, UsageError for what cannot be asked for. A run that
    cannot be run again says why, and the others go on.
    """
    if request.models and not request.models.is_dir():
        raise UsageError(f"--models {request.models}: a folder was expected, and it is none.")
    known: list[BundledRun] = []
    verification = verify(path, lambda study: known.append(study.bundled))
    found = []
    with Archive(path) as archive, Store.open(request.db) as store:
        _check_own(store)
        models = Models(request.models, known, request.offline, request.say)
        for study in studies(archive):
            run = study.bundled.run
            try:
                one = _again(study, models, store, request)
            except StoreError:
                raise  # no other run could be stored either
            except GgufevalError as error:
                one = Reproduction(
                    run.id, run.model.label, Outcome.NOT_RUN, n_all=run.n_done, why=str(error)
                )
            found.append(one)
            tell(one)
    return verification, tuple(found)


def _check_own(store: Store) -> None:
    """In the study's own database a run would be found finished, and compared with itself."""
    for run in store.runs():
        if not run.command.startswith(COMMAND):
            raise UsageError(
                f"{store.path}: a database of its own was expected for what is run again; this one "
                f"has the run {run.id} of another command. Name another file with --db."
            )


def _again(
    study: Study,
    models: Models,
    store: Store,
    request: Request,
) -> Reproduction:
    run = study.bundled.run
    if run.fingerprint.tool:
        raise UsageError(
            f"{run.model.label}: the records are of {run.fingerprint.tool}, which only that "
            "program can make again. They are verified, no more."
        )
    questions = question_set(study, request.data, offline=request.offline)
    files = models.find(study.bundled)
    wanted = _picked(study, request.sample)
    asked = [batch for batch in study.batches if batch.position in wanted]
    with (
        _options(study) as options,
        _opened(files, questions, store, options, asked, request.progress) as session,
    ):
        session.pick(wanted)
        result = store.result(session.run.id)
    before = [record for record in study.records if record.batch in wanted]
    batch_of = {record.key: record.batch for record in before}
    now = [
        BundledRecord.of(record, batch_of[record.question_id, record.rotation], with_text=True)
        for record in result.records
        if (record.question_id, record.rotation) in batch_of
    ]
    outcome, n_identical, largest, flips = compared(before, now)
    return Reproduction(
        run.id,
        run.model.label,
        outcome,
        n=len(before),
        n_all=len(study.records),
        n_identical=n_identical,
        largest_move=largest,
        flips=flips,
        differences=differences(
            run.fingerprint,
            replace(session.run.fingerprint, prompt_style=run.fingerprint.prompt_style),
        ),
        new_run_id=session.run.id,
    )


@contextlib.contextmanager
def _opened(  # noqa: PLR0917
    files: runner.ModelFiles,
    questions: QuestionSet,
    store: Store,
    options: runner.Options,
    asked: Sequence[BundledBatch],
    progress: runner.Progress | None,
) -> Iterator[runner.Session]:
    """The run, where it asks what these batches of the bundle ask. Raises UsageError else.

    Where texts are written, the context that a run has chosen for itself may be smaller than a
    batch, and given beforehand it would make other ones: so once more without.
    """
    other = ""
    for n_ctx in (options.n_ctx, None):
        same = replace(options, n_ctx=n_ctx)
        with runner.opened(files, questions, store, same, progress) as session:
            found = _other(session, asked)
            if not found:
                yield session
                return
            store.delete(session.run.id)
            other = other or f"{session.run.model.label}: {found}"
    raise UsageError(other)


def _other(session: runner.Session, asked: Sequence[BundledBatch]) -> str:
    """What is asked otherwise here than there, in a sentence; empty: nothing."""
    n = session.plan.n_batches
    for batch in asked:
        at = batch.position
        keys = [(name, rotation) for name, rotation, _ in batch.items]
        if at < n and session.links[at] == batch.chain and session.keys(at) == keys:
            continue
        for name, rotation, sha256 in batch.items:
            text = session.prompts.text(name, rotation)
            if sha256 and (text is None or hashlib.sha256(text.encode()).hexdigest() != sha256):
                return (
                    f"the prompt of {name} is another here than the bundle says: this ggufeval, "
                    "or the model's or one's own template, writes it otherwise, or its solved "
                    "examples are others."
                )
        return (
            f"batch {at} is another here than the bundle says, of the same prompts: their tokens "
            "or their order are others."
        )
    return ""


def _picked(study: Study, n: int | None) -> frozenset[int]:
    """Batches that were answered, all or those that hold n records at least.

    Taken in the order of the fractional parts of i/phi, so that they lie about evenly, and more of
    them are the same ones and others.
    """
    sizes: dict[int, int] = {}
    for record in study.records:
        sizes[record.batch] = sizes.get(record.batch, 0) + 1
    if n is None:
        return frozenset(sizes)
    picked, held = set[int](), 0
    for position in sorted(sizes, key=lambda i: i * _GOLDEN % 1):
        if held >= n:
            break
        picked.add(position)
        held += sizes[position]
    return frozenset(picked)


@contextlib.contextmanager
def _options(study: Study) -> Iterator[runner.Options]:
    """Those that make the run's fingerprint, as far as this machine can."""
    fingerprint = study.bundled.run.fingerprint
    engine = fingerprint.engine
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with ModelProcess() as process:
        offloads = process.machine().supports_gpu_offload
    with tempfile.TemporaryDirectory(prefix="ggufeval-") as folder:
        yield runner.Options(
            prompt=_style(study, Path(folder)),
            shots=max(fingerprint.shots, 0),
            read=fingerprint.read,
            grammar=_grammar(study, Path(folder)),
            temperature=fingerprint.temperature or None,
            max_tokens=fingerprint.max_tokens or None,
            seed=fingerprint.seed,
            permute=fingerprint.permute,
            n_ctx=engine.n_ctx,
            n_batch=engine.n_batch,
            n_ubatch=engine.n_ubatch,
            # More threads than cores spin against one another, and nothing would come to an end.
            n_threads=engine.n_threads if engine.n_threads <= (usable or 1) else None,
            n_gpu_layers=engine.n_gpu_layers if offloads else 0,
            flash_attn=engine.flash_attn,
            repack=engine.repack,
            force=True,
            command=COMMAND,
        )


def _style(study: Study, folder: Path) -> str:
    """A bundle names no file of this machine: a template of one's own is the bundle's."""
    style = study.bundled.run.fingerprint.prompt_style
    kind, colon, name = style.partition(":")
    if not colon:
        return style
    if kind != user_template.NAME or not study.template:
        raise UsageError(
            f"{study.bundled.run.model.label}: its prompts were written by the template "
            f"{name[:80]!r}, which is not in the bundle, so they cannot be written again."
        )
    path = folder / "prompt.jinja"
    path.write_bytes(study.template)
    return f"{user_template.NAME}:{path}"


def _grammar(study: Study, folder: Path) -> str | None:
    """What `--grammar` was, read off the conditions; a file's own GBNF stands in them whole."""
    fingerprint = study.bundled.run.fingerprint
    if fingerprint.read != "sample":
        return None
    if fingerprint.parser == EXACT:
        return CHOICE if fingerprint.grammar.startswith(f"{CHOICE} ") else LETTER
    if not fingerprint.grammar:
        return NONE
    if fingerprint.grammar == prompts.JSON_ANSWER:
        return JSON
    path = folder / "grammar.gbnf"
    path.write_text(fingerprint.grammar, encoding="utf-8")
    return str(path)
