"""A study as one file: everything that its numbers rest on, and nothing of whose machine it was."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from ggufeval import __version__, report
from ggufeval.api import choice, comparing, files
from ggufeval.bundle import archive, contents, fields, licences, redaction
from ggufeval.bundle.contents import BundledBatch, BundledRecord, BundledRun, Manifest, Member
from ggufeval.bundle.origins import origin
from ggufeval.bundle.scoring import score
from ggufeval.errors import ComparisonError
from ggufeval.store import Store
from ggufeval.types import Prompts, Question, Run, RunResult

_PACKAGES = ("llama-cpp-python", "numpy", "scipy", "jinja2", "datasets", "huggingface_hub")
LEFT_OUT = "(left out: no licence known)"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a study."""

    path: Path
    sha256: str
    size_bytes: int
    manifest: Manifest
    n_questions: int
    """Different ones."""
    n_records: int


@dataclass(frozen=True, slots=True)
class _Study:
    """A run as it is stored, and as it may travel."""

    original: RunResult
    run: Run
    questions: tuple[Question, ...]
    """All that it was to answer."""
    batches: Mapping[int, Sequence[tuple[str, int]]]
    chain: Mapping[int, str]
    terms: licences.Terms
    with_text: bool

    @property
    def result(self) -> RunResult:
        """What reports are made from."""
        if self.with_text:
            return replace(self.original, run=self.run)
        records = tuple(
            BundledRecord.of(record, 0, with_text=False).record(self.run.id)
            for record in self.original.records
        )
        asked = tuple(map(_blank, self.original.questions))
        return replace(self.original, run=self.run, questions=asked, records=records, prompts=None)


def write(store: Store, runs: Sequence[Run], path: Path, *, with_text: bool | None) -> Written:
    """Write a bundle of these runs, whole or not at all.

    `with_text`: of all questions, or of none; None: of those whose licence allows it. Raises
    UsageError where the file cannot be written.
    """
    studies = [_study(store, run, with_text) for run in runs]
    members: dict[str, bytes] = {}
    plans: dict[str, dict[int, BundledBatch]] = {}
    for study in studies:
        _add_run(members, plans, study)
    for name, batches in plans.items():
        members[name] = _text(batches[position] for position in sorted(batches))
    members[contents.ENVIRONMENT] = _text([_environment()])
    if notice := "\n".join(dict.fromkeys(s.terms.notice for s in studies if s.with_text)):
        members[contents.LICENCES] = notice.encode()
    pages, notes = _reports(store, studies)
    members |= pages
    manifest = Manifest(
        format=contents.FORMAT,
        version=contents.VERSION,
        written_by=f"ggufeval {__version__}",
        members={
            name: Member(hashlib.sha256(text).hexdigest(), len(text))
            for name, text in sorted(members.items())
        },
        runs=tuple(study.run.id for study in studies),
        reports=tuple(sorted(pages)),
        notes=(*_said_of_texts(studies), *notes),
    )
    content = archive.packed(members | {contents.MANIFEST: _text([manifest])})
    files.write(path, content, "`ggufeval bundle -o FILE` writes them")
    return Written(
        path,
        hashlib.sha256(content).hexdigest(),
        len(content),
        manifest,
        n_questions=len({(q.id, q.stem) for study in studies for q in study.questions}),
        n_records=sum(len(study.original.records) for study in studies),
    )


def _study(store: Store, run: Run, with_text: bool | None) -> _Study:
    questions = store.questions(run.id)
    terms = licences.terms(run, questions)
    return _Study(
        original=store.result(run.id),
        run=redaction.run(run),
        questions=questions,
        batches=store.batches(run.id),
        chain=store.chain(run.id),
        terms=replace(terms, where=terms.where.replace(run.source, redaction.source(run.source))),
        with_text=terms.is_free if with_text is None else with_text,
    )


def _add_run(
    members: dict[str, bytes], plans: dict[str, dict[int, BundledBatch]], study: _Study
) -> None:
    run, fingerprint = study.run, study.run.fingerprint
    shots = _shots(study)
    named = {
        "questions": f"questions/{fingerprint.questions_sha256[:16]}.jsonl",
        "plan": f"plans/{fingerprint.plan_hash[:16]}.jsonl",
        "records": f"runs/{run.id}.records.jsonl",
        "shots": f"shots/{hashlib.sha256(shots).hexdigest()[:16]}.jsonl" if shots else "",
        "template": "",
    }
    if template := _template(study):
        named["template"] = f"templates/{hashlib.sha256(template).hexdigest()[:16]}.jinja"
        members[named["template"]] = template
    if shots:
        members[named["shots"]] = shots
    members[named["questions"]] = _text(
        contents.bundled(q, with_text=study.with_text) for q in study.questions
    )
    # Runs of one plan share it; the longest of them tells most.
    plans.setdefault(named["plan"], {}).update(_batches(study))
    places = {key: position for position, keys in study.batches.items() for key in keys}
    members[named["records"]] = _text(
        BundledRecord.of(r, places[r.question_id, r.rotation], with_text=study.with_text)
        for r in study.original.records
    )
    whole = BundledRun(
        run=run,
        digest=fingerprint.digest,
        origin=origin(study.original.run.model),
        score=score(study.result),
        **named,
    )
    members[f"runs/{run.id}.json"] = _text([whole])


def _shots(study: _Study) -> bytes:
    prompts = study.original.prompts
    if not (study.with_text and prompts):
        return b""
    group = (q for questions in prompts.shots.values() for q in questions)
    return _text(contents.bundled(q, with_text=True) for q in group)


def _template(study: _Study) -> bytes:
    """A prompt's template of one's own goes where the questions' texts go, if it is still there."""
    kind, _, path = study.original.run.fingerprint.prompt_style.partition(":")
    if kind != "template" or not study.with_text or not Path(path).is_file():
        return b""
    return Path(path).read_bytes()


def _batches(study: _Study) -> dict[int, BundledBatch]:
    prompts = study.original.prompts
    return {
        position: BundledBatch(
            position,
            study.chain[position],
            tuple((name, rotation, _hash(prompts, name, rotation)) for name, rotation in keys),
        )
        for position, keys in study.batches.items()
    }


def _hash(prompts: Prompts | None, name: str, rotation: int) -> str | None:
    text = prompts.text(name, rotation) if prompts else None
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def _blank(question: Question) -> Question:
    choices = tuple("" for _ in question.choices)
    return replace(question, stem=LEFT_OUT, choices=choices)


def _reports(store: Store, studies: Sequence[_Study]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """One page, or one for each set of runs that can be compared; and which runs have none."""
    try:
        return {"report.html": _page(store, studies)}, ()
    except ComparisonError:
        groups: dict[str, list[_Study]] = {}
    for study in studies:
        conditions = replace(study.run.fingerprint, model_sha256="").to_json()
        groups.setdefault(f"{study.run.task} {conditions}", []).append(study)
    pages: dict[str, bytes] = {}
    notes = []
    for group in groups.values():
        name = f"report-{len(pages) + 1}.html"
        try:
            pages[name] = _page(store, group)
        except ComparisonError as error:
            notes.append(f"No report of {', '.join(s.run.id for s in group)}: {error}")
    return pages, tuple(notes)


def _page(store: Store, studies: Sequence[_Study]) -> bytes:
    by_id = {study.run.id: study for study in studies}
    runs = [study.run for study in studies]
    reference = choice.choose_reference(runs, None)
    rest = choice.ordered([run for run in runs if run.id != reference.id])
    ordered = [by_id[run.id] for run in (reference, *rest)]
    found = comparing.together(
        [study.result for study in ordered],
        comparing.known_floors(store, [study.original for study in ordered]),
        comparing.known_vocabularies(store, [study.original for study in ordered]),
    )
    return report.render("html", found.pictured, found.results).encode()


def _said_of_texts(studies: Sequence[_Study]) -> list[str]:
    said: dict[str, None] = {}
    for study in studies:
        terms = study.terms
        if study.with_text:
            licence = terms.licence or "asked for; of a licence that ggufeval does not know"
            said[f"Questions: {terms.name}, with their text ({licence})."] = None
        else:
            why = "" if terms.is_free else ", since no licence of theirs is known"
            said[f"Questions: {terms.name}, as hashes{why}. To be had: {terms.where}."] = None
    return list(said)


def _environment() -> contents.Environment:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # not the way in which llama.cpp got here
            continue
    system = f"{platform.system()} {platform.machine()}"
    return contents.Environment(
        platform.python_version(), system, {"ggufeval": __version__} | found
    )


def _text(lines: Iterable[object]) -> bytes:
    return "".join(f"{fields.dumps(line)}\n" for line in lines).encode()
