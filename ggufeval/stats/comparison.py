"""Candidates against a reference, question by question."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from ggufeval.errors import ComparisonError
from ggufeval.stats.alarms import (
    at_chance,
    letter_alarms,
    of_prompts,
    reference_alarms,
    score_alarms,
)
from ggufeval.stats.decomposition import decompositions
from ggufeval.stats.differences import difference, micro_counts
from ggufeval.stats.divergence import divergence
from ggufeval.stats.groups import AUTO, group_scores, suitable
from ggufeval.stats.mismatches import mismatches as differing
from ggufeval.stats.paired import holm
from ggufeval.stats.sample import Answers, Sample
from ggufeval.stats.scores import score_answers
from ggufeval.stats.stopped import compare_stopped
from ggufeval.stats.verdict import judge
from ggufeval.stats.views import view
from ggufeval.types import Candidate, Comparison, Design

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ggufeval.types import (
        Difference,
        Divergence,
        Floor,
        Judgement,
        Labels,
        Question,
        RunResult,
        VocabularyDivergence,
        Weights,
    )

Key: TypeAlias = tuple[str, int]
"""What pairs two records: the question's id and the rotation of its choices."""


def compare(
    reference: RunResult,
    candidates: Sequence[RunResult],
    *,
    margin: float = 0.01,
    alpha: float = 0.05,
    level: float = 0.95,
    by: str = "",
    allow_mismatch: bool = False,
    floors: Mapping[str, Floor] = MappingProxyType({}),
    views: Sequence[Labels | Weights] = (),
    vocabularies: Mapping[str, VocabularyDivergence] = MappingProxyType({}),
) -> Comparison:
    """Compare runs over the questions that all of them have recorded.

    The intervals and the verdicts speak about "questions like these", for the number of questions
    that was fixed beforehand. For the weights of micro and macro see `scores.score`: the
    differences have the same ones.

    There is no verdict where the reference is at chance (it has nothing to lose), where some of
    the questions that were planned are missing (which ones, nobody has drawn), and where the runs
    differ in more than the model (a loss would not be the model's).

    `by` is `subject` or `category`: then the groups are compared too, see `groups`; `auto` takes
    what suits. `floors` are the flip floors that are known, by their runs' ids. `views` asks for
    further scores: without the questions that labels mark, with weights; see `views`.
    `vocabularies` are the candidates' divergences over all tokens, by their runs' ids.

    ComparisonError where no question is common to all, where the same question has another text
    or another gold letter in two runs, and where runs differ in more than the model; the last
    becomes an alarm with `allow_mismatch`.
    """
    runs = (reference, *candidates)
    mismatches = tuple(m for c in candidates for m in differing(reference.run, c.run))
    if mismatches and not allow_mismatch:
        raise ComparisonError(
            " ".join(mismatches)
            + " Run them again under the same conditions, or say --allow-mismatch."
        )
    if any(run.run.fingerprint.stopping for run in runs):
        if mismatches or views or by not in {"", AUTO}:
            raise ComparisonError(
                "Runs that may end early (--until-verdict, --budget) answer one question, about "
                "the loss on all of their plan: compare them with their like, and without --by, "
                "--redux and --weights."
            )
        stopped = compare_stopped(reference, candidates, margin=margin, alpha=alpha, level=level)
        return _with_vocabularies(stopped, vocabularies)
    keys = _common(runs)
    questions = _questions(runs, keys)
    rotations = [rotation for _, rotation in keys]
    sample = Sample.of(questions, _design(runs), reference.run.population, rotations)
    by = suitable(sample.subjects) if by == AUTO else by
    answers = [_answers(run, keys) for run in runs]
    scores = [
        replace(score_answers(run.run, a, sample, level=level), floor=floors.get(run.run.id))
        for run, a in zip(runs, answers, strict=True)
    ]
    chance = sum(1 / k for k in sample.n_choices.tolist()) / sample.n
    alarms = [
        *mismatches,
        *of_prompts(runs, "faults"),
        *_coverage_alarms(runs, sample),
        *(reference_alarms(scores[0]) if candidates else ()),
        *score_alarms(scores, chance),
        *(alarm for s in scores[1:] for alarm in letter_alarms(scores[0], s)),
    ]
    guesses = at_chance(scores[0], chance)
    unjudged = _unjudged(runs, sample, mismatches)

    def judgement(candidate: Answers, floor: Floor | None) -> Judgement | None:
        if guesses or unjudged:
            return None
        counts = micro_counts(answers[0], candidate, sample)
        known = [each for each in (scores[0].floor, floor) if each]
        return judge(
            *counts, n_candidates=len(candidates), margin=margin, alpha=alpha, floors=known
        )

    def moved(candidate: Answers) -> Divergence | None:
        by_letter = all(run.run.fingerprint.read == "letter" for run in runs)
        return divergence(answers[0], candidate, sample) if by_letter else None

    differences = [difference(answers[0], a, sample, level=level) for a in answers[1:]]
    comparison = Comparison(
        reference=scores[0],
        candidates=tuple(
            Candidate(s, d, judgement(a, s.floor), p, moved(a))
            for s, a, d, p in zip(
                scores[1:], answers[1:], differences, _holm(differences), strict=True
            )
        ),
        n_questions=sample.n,
        n_population=sum(reference.run.population.values()),
        n_subjects=len(sample.subjects),
        design=sample.design,
        chance=chance,
        reference_at_chance=guesses,
        alarms=tuple(alarms),
        remarks=tuple(of_prompts(runs, "remarks")),
        margin=margin,
        alpha=alpha,
        unjudged=unjudged if candidates and not guesses else "",
        by=by,
        groups=group_scores(answers, sample, by, level=level) if by else (),
        decompositions=decompositions([run.run for run in runs], answers, sample, level=level),
        views=tuple(
            view(
                asked,
                [run.run for run in runs],
                answers,
                sample,
                list(dict.fromkeys(questions)),
                level=level,
            )
            for asked in views
        ),
    )
    return _with_vocabularies(comparison, vocabularies)


def _with_vocabularies(
    comparison: Comparison, found: Mapping[str, VocabularyDivergence]
) -> Comparison:
    return replace(
        comparison,
        candidates=tuple(
            replace(candidate, vocabulary=found.get(candidate.score.run.id))
            for candidate in comparison.candidates
        ),
    )


def _holm(differences: Sequence[Difference]) -> Sequence[float]:
    """Corrected p-values; NaN for all where the sample allows none."""
    p_values = [d.mcnemar_p for d in differences]
    return [math.nan] * len(p_values) if any(map(math.isnan, p_values)) else holm(p_values)


def _unjudged(runs: Sequence[RunResult], sample: Sample, mismatches: Sequence[str]) -> str:
    """Why these runs allow no verdict, in one sentence; empty where they do.

    A sample that lies wholly in a full run is a sample all the same.
    """
    if mismatches:
        return "No verdict: the runs differ in more than the model, and so does what they lose."
    planned = min(run.run.n_questions for run in runs)
    partly = sample.n_asked < sample.n_choices
    if sample.n < planned or (runs[0].run.fingerprint.permute and partly.any()):
        return (
            "No verdict: some of the questions that were planned are not compared, and those that "
            "are have not been drawn. Finish the runs first."
        )
    return ""


def _common(runs: Sequence[RunResult]) -> list[Key]:
    """Keys that all runs have recorded, in the reference's order."""
    recorded = [{(r.question_id, r.rotation): None for r in run.records} for run in runs]
    keys = [key for key in recorded[0] if all(key in others for others in recorded[1:])]
    if not keys:
        counts = ", ".join(f"{run.run.model.label} {len(run.records):,}" for run in runs)
        raise ComparisonError(
            f"No question was answered in every run (answers recorded: {counts}). "
            "Compare runs over the same questions, and finish them first."
        )
    return keys


def _questions(runs: Sequence[RunResult], keys: Sequence[Key]) -> list[Question]:
    """Return the question of each key, after checking that it is the same one in every run."""
    ours, *others = ({q.id: q for q in run.questions} for run in runs)
    for run, theirs in zip(runs[1:], others, strict=True):
        for question_id, _ in keys:
            mine, other = ours[question_id], theirs[question_id]
            if mine != other:
                fields = ("subject", "stem", "choices", "answer")
                names = [f for f in fields if getattr(mine, f) != getattr(other, f)]
                raise ComparisonError(
                    f"The question {question_id} is not the same for {run.run.model.label} as for "
                    f"{runs[0].run.model.label}: they differ in {', '.join(names)}. "
                    "Run both over the same file of questions."
                )
    return [ours[question_id] for question_id, _ in keys]


def _design(runs: Sequence[RunResult]) -> Design:
    """How the questions in common were drawn: what a full run shares with a sample is the sample.

    What a stratified and a random sample share is random inside each subject only, and so is
    weighted like the stratified one.
    """
    designs = {run.run.design for run in runs}
    return next(d for d in (Design.STRATIFIED, Design.RANDOM, Design.FULL) if d in designs)


def _answers(result: RunResult, keys: Sequence[Key]) -> Answers:
    records = {(r.question_id, r.rotation): r for r in result.records}
    return Answers.of([records[key] for key in keys])


def _coverage_alarms(runs: Sequence[RunResult], sample: Sample) -> Iterator[str]:
    """Sentences about what was planned and is not compared."""
    planned = max(run.run.n_questions for run in runs)
    if sample.n < planned:
        n_subjects = max(len(run.run.population) for run in runs)
        recorded = ", ".join(
            f"{run.run.model.label} {len({r.question_id for r in run.records}):,}" for run in runs
        )
        yield (
            f"Only {sample.n:,} of {planned:,} questions are compared, from "
            f"{len(sample.subjects)} of {n_subjects} subjects: the others are not recorded in "
            f"every run ({recorded})."
        )
    some = int((sample.n_asked < sample.n_choices).sum())
    if some and any(run.run.fingerprint.permute for run in runs):
        yield (
            f"{some:,} of {sample.n:,} questions are compared in some rotations of their choices "
            "only, so it still matters there where the right one stands."
        )
