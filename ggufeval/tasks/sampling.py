"""Which questions are asked: subjects, subsets, shots. Pure; the same on every machine.

Questions are ranked by a hash of the seed and their id, so a draw depends neither on Python's
version nor on the order of a file, and a larger subset contains the smaller one.
"""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ggufeval.errors import DataError, UsageError
from ggufeval.tasks.source import Source
from ggufeval.types import Design, Question, QuestionSet

BySubject = Mapping[str, Sequence[Question]]


def check(limit: int | None, sample: int | None, shots: int) -> None:
    """What can be said before any data is read. Raises UsageError."""
    if limit is not None and sample is not None:
        raise UsageError(
            "--limit takes equal numbers from each subject, --sample takes from all questions "
            "alike: give one of them."
        )
    for name, value, least in (("limit", limit, 1), ("sample", sample, 1), ("shots", shots, 0)):
        if value is not None and value < least:
            raise UsageError(f"--{name} must be at least {least}, found {value}.")


def select(
    source: Source,
    *,
    subjects: Sequence[str],
    limit: int | None,
    sample: int | None,
    seed: int,
    shots: int,
) -> QuestionSet:
    """The questions to ask, ordered by subject (as in the data set) and row, and their shots.

    Raises UsageError for options that do not fit the data, DataError for too few dev questions.
    """
    check(limit, sample, shots)
    everything = by_subject(source.questions)
    asked = {name: everything[name] for name in pick_subjects(tuple(everything), subjects)}
    design, chosen = draw(asked, limit=limit, sample=sample, seed=seed)
    questions = tuple(question for group in chosen.values() for question in group)
    return QuestionSet(
        task=source.task,
        source=source.text,
        questions=questions,
        shots=pick_shots(source, tuple(chosen), shots),
        population={name: len(group) for name, group in asked.items()},
        design=design,
        seed=None if design is Design.FULL else seed,
        notes=(
            *source.notes,
            *_left_out(everything, asked),
            *(_uneven(asked, chosen) if design is Design.STRATIFIED else ()),
        ),
        recorded={q.id: source.recorded[q.id] for q in questions if q.id in source.recorded},
        is_outline=source.is_outline,
    )


def by_subject(questions: Iterable[Question]) -> dict[str, tuple[Question, ...]]:
    """Subjects in the order in which they first appear, the questions of each in theirs."""
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.subject, []).append(question)
    return {subject: tuple(group) for subject, group in groups.items()}


# --- subjects ------------------------------------------------------------------------------


def pick_subjects(names: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """Those of `names` that are asked for, in their order; all where nothing is asked.

    An item may hold several, separated by commas. Case does not matter, and spaces and hyphens
    stand for underscores. Raises UsageError with the nearest names.
    """
    if not asked:
        return tuple(names)
    # A subject of one's own file may have a comma in its name: first as it stands.
    items = [part for item in asked for part in ([item] if item in names else item.split(","))]
    wanted = {_plain(item) for item in items if item.strip()}
    if not wanted:
        raise UsageError("--subjects names no subject: expected one or more, separated by commas.")
    known = {_plain(name) for name in names}
    for item in items:
        if item.strip() and _plain(item) not in known:
            raise UsageError(_unknown(item.strip(), names))
    return tuple(name for name in names if _plain(name) in wanted)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _unknown(item: str, names: Sequence[str]) -> str:
    plain = {_plain(name): name for name in names}
    inside = [name for name in plain if _plain(item) in name]
    near = difflib.get_close_matches(_plain(item), plain, n=3)
    offers = [plain[name] for name in dict.fromkeys(near + inside)][:5]
    if offers:
        return f"There is no subject {item!r}. Did you mean {', '.join(offers)}?"
    return f"There is no subject {item!r} among the {len(names)}, such as {', '.join(names[:5])}."


# --- subsets -------------------------------------------------------------------------------


def draw(
    groups: BySubject, *, limit: int | None, sample: int | None, seed: int
) -> tuple[Design, dict[str, tuple[Question, ...]]]:
    """How the questions were drawn and which they are, subjects without any left out."""
    total = sum(map(len, groups.values()))
    if (limit or sample or total) >= total:
        return Design.FULL, {subject: tuple(group) for subject, group in groups.items()}
    if limit is not None:
        counts = quotas({subject: len(group) for subject, group in groups.items()}, limit, seed)
        design = Design.STRATIFIED
        ids = {
            question.id
            for subject, group in groups.items()
            for question in ranked(group, seed)[: counts[subject]]
        }
    else:
        design = Design.RANDOM
        everything = [question for group in groups.values() for question in group]
        ids = {question.id for question in ranked(everything, seed)[:sample]}
    chosen = {
        subject: tuple(question for question in group if question.id in ids)
        for subject, group in groups.items()
    }
    return design, {subject: group for subject, group in chosen.items() if group}


def shuffled(questions: QuestionSet, n: int, seed: int) -> QuestionSet:
    """`n` of a set's questions, drawn at random (all where it has fewer), each subject's in another
    order."""
    groups = by_subject(ranked(questions.questions, seed)[:n])
    kept = tuple(
        question
        for subject in by_subject(questions.questions)
        for question in groups.get(subject, ())
    )
    drawn = questions.design is Design.FULL and len(kept) < len(questions.questions)
    return replace(
        questions,
        questions=kept,
        design=Design.RANDOM if drawn else questions.design,
        recorded={q.id: questions.recorded[q.id] for q in kept if q.id in questions.recorded},
    )


def quotas(sizes: Mapping[str, int], limit: int, seed: int) -> dict[str, int]:
    """How many of `limit` fall to each subject: as equal as their sizes allow.

    What does not divide goes by one to subjects picked by the seed. Never falls for any subject
    when the limit rises. Raises UsageError where a subject would go without.
    """
    if limit < len(sizes):
        raise UsageError(
            f"--limit {limit} leaves some of the {len(sizes)} subjects without a question: "
            f"the smallest is --limit {len(sizes)}. Take fewer --subjects, or --sample {limit}."
        )
    level = 0
    while level < max(sizes.values()) and _filled(sizes, level + 1) <= limit:
        level += 1
    counts = {subject: min(size, level) for subject, size in sizes.items()}
    rest = limit - sum(counts.values())
    with_room = sorted(
        (subject for subject, size in sizes.items() if size > level),
        key=lambda subject: _rank(seed, subject),
    )
    return counts | dict.fromkeys(with_room[:rest], level + 1)


def _filled(sizes: Mapping[str, int], level: int) -> int:
    return sum(min(size, level) for size in sizes.values())


def ranked(questions: Iterable[Question], seed: int) -> list[Question]:
    """In a random order of the seed's; the first n are what `--sample n` draws."""
    return sorted(questions, key=lambda question: _rank(seed, question.id))


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


# --- shots and notes -----------------------------------------------------------------------


def pick_shots(source: Source, subjects: Iterable[str], n: int) -> dict[str, tuple[Question, ...]]:
    """Subject -> its first `n` dev questions. Raises DataError where one has fewer.

    Of questions that bring prompts of their own there are none to pick, whatever `n` is.
    """
    if source.shots is None:
        return dict.fromkeys(subjects, ())
    available = {subject: source.shots.get(subject, ()) for subject in subjects}
    poorest = min(available, key=lambda subject: len(available[subject]))
    fewest = len(available[poorest])
    if fewest < n:
        raise DataError(
            f"{source.text}: expected {n} dev questions of each subject for the shots, found "
            f"{fewest} of {poorest}. Add some, or use --shots {fewest}."
        )
    return {subject: tuple(group[:n]) for subject, group in available.items()}


def _left_out(everything: BySubject, asked: BySubject) -> tuple[str, ...]:
    if len(asked) == len(everything):
        return ()
    return (f"{len(asked)} of {len(everything)} subjects: {', '.join(asked)}.",)


def _uneven(asked: BySubject, chosen: BySubject) -> tuple[str, ...]:
    """Tells of subjects that gave all they have and still are behind the others."""
    counts = Counter({subject: len(group) for subject, group in chosen.items()})
    most = max(counts.values())
    small = [name for name in asked if counts[name] == len(asked[name]) and counts[name] < most]
    if not small:
        return ()
    names = ", ".join(f"{name} ({counts[name]})" for name in small)
    return (f"Smaller than the {most} questions that other subjects give: {names}.",)
