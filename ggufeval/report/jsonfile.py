"""The comparison as JSON, full precision, for other programs. Strings are as they were found.

    schema               1; raised when a key changes its meaning or goes
    task, source         what was asked, and where the questions came from
    design               full, stratified or random: how the questions were drawn
    n_questions          questions that all runs of the comparison share
    n_population         questions in the whole set they were drawn from
    n_subjects
    chance               accuracy of guessing
    reference_at_chance  true: the comparison allows no judgement
    margin, alpha        of the verdicts: what a candidate may lose, in [0, 1], and how often any
                         of them may be false
    unjudged             why there is no verdict: a sentence; empty where there is one, or the
                         reference is at chance
    interval_level       of all intervals but the verdicts', 0.95
    alarms               sentences
    models               the reference first, then each candidate:
        model, run, quantization, requantized_from, quantized_from, imatrix, architecture,
        n_params, size_bytes, bits_per_weight, nominal_share, n, n_correct, n_unread,
        letter_mass, questions_per_second, tokens_per_second, seconds, n_tokens,
        peak_rss_bytes, created, status, model_sha256, plan_hash
                         as in `ggufeval.types`
        role             reference or candidate
        starred          its nominal types hold less than half of its weights
        accuracy_micro, accuracy_micro_low, accuracy_micro_high; the same with macro
                         shares in [0, 1] with their intervals
        difference_micro, _low, _high; the same with macro
                         candidate minus reference, in [-1, 1]; null for the reference
        lost, won, changed, mcnemar_p, mcnemar_p_holm
                         null for the reference; the p-values, plain and corrected for the number
                         of candidates, also where questions were asked in several rotations, which
                         the others count one by one
        verdict          within (loses no more than the margin), worse or undecided; null for
                         the reference, and where there is none
        verdict_low, verdict_high, verdict_level
                         the interval of difference_micro that it follows from
        detectable       the smallest margin that these questions could have cleared, with as
                         many flips and none lost on balance
        tensor_types     ggml type -> number of weights
        letter_counts    how often each letter was answered, as it was shown
        path, command    of the run
        fingerprint      all that can change a logit or the verdict on it

Where a model of the comparison has them, also:

        n_unparsed, n_no_choice
                         answers read off a text: of n_unread, those in another form than was
                         asked for, and those that name none of the choices or several
        accuracy_summed, _low, _high
                         texts' likelihoods: micro accuracy by the sum of log-probabilities
        accuracy_position_A, _low, _high, and so on with B, C, ...
                         rotations: micro accuracy where the right choice stood there
        same_in_all_rotations, _low, _high
                         share of the questions answered alike in every rotation
        flip_floor_n, flip_floor_flips, flip_floor_changed
                         a second run of the file in other batches: answers that both have, those
                         right in one alone, those wrong in both with different letters
        flip_floor_moved the greatest change of a letter's logit between the two, in nats
        flip_floor, _low, _high
                         the share of the flips; it widens verdict_low, verdict_high, detectable
        difference_arithmetic
                         how far other batches may move difference_micro on these very questions,
                         either way, at verdict_level
        kld_mean, kld_standard_error, kld_median, kld_p99, kld_max
                         read by letter: KL divergence of the reference's probabilities of the
                         choices from the candidate's, in nats, over the questions asked
        gold_probability_rms
                         root mean square of the gold choice's change of probability
        same_answer      share of the answers that are the reference's, right or wrong

Where runs could end early, `stopping` is `verdict` or `budget N`, `n_population` is the size of the
plan, each model has an `n` of its own, the intervals are of all the plan's questions (of `verdict`
runs: confidence sequences), and a model also has

        n_stop           after how many questions the sequential test gave its verdict; null
                         where there is none

By subject or category, after `models`:

    groups               one entry a group and model, the reference first in each group:
        by, group, n     subject or category, its name, how many questions
        model, role, run, accuracy_micro, difference_micro, _low, _high
                         as above, inside the group

Where a level was run as it is and with its weights written out, after `models`:

    decompositions       one entry a pair, what the level loses taken apart:
        model, run       the level as it is
        written_out, written_out_run
                         its weights written out
        total_micro, weights_micro, arithmetic_micro, _low, _high; the same with macro
                         the level minus the reference; its weights minus the reference; the level
                         minus its weights
        total_lost, total_won, and so on
                         answers

With `--redux` or `--weights`, after `models`:

    views                one entry a view and model, the reference first in each view:
        view, source     redux or weights, and where the labels or weights came from
        by               of weights, question_id or subject: what they belong to; empty for redux
        n, n_left_out    compared questions that count, and that do not: they are marked as
                         defective, or have the weight 0
        n_labelled       of redux: compared questions that have a label; null for weights
        n_unused         of weights: names without a match; null for redux
        n_effective      so many questions of equal weight would tell as much
        model, role, run, accuracy, difference, _low, _high, lost, won
                         as above, of these questions and with these weights

A number that is not finite is null: JSON has no other word for it.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, TextIO

from ggufeval.report.decompositions import decomposition_records
from ggufeval.report.format import Format
from ggufeval.report.groups import group_records
from ggufeval.report.records import records, settings
from ggufeval.report.views import view_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ggufeval.types import Comparison, RunResult

SCHEMA = 1


def render(
    comparison: Comparison,
    _results: Sequence[RunResult] = (),
    _stream: TextIO | None = None,
) -> str:
    """One object, indented, ASCII only."""
    run = comparison.reference.run
    scores = (comparison.reference, *(item.score for item in comparison.candidates))
    models = [
        record
        | {
            "tensor_types": dict(score.run.model.tensor_types),
            "letter_counts": score.letter_counts,
            "path": score.run.model.path,
            "command": score.run.command,
            "fingerprint": settings(score.run.fingerprint),
        }
        for record, score in zip(records(comparison), scores, strict=True)
    ]
    tree: dict[str, object] = {
        "schema": SCHEMA,
        "task": run.task,
        "source": run.source,
        "design": str(comparison.design),
        "n_questions": comparison.n_questions,
        "n_population": comparison.n_population,
        "n_subjects": comparison.n_subjects,
        "chance": comparison.chance,
        "reference_at_chance": comparison.reference_at_chance,
        "margin": comparison.margin,
        "alpha": comparison.alpha,
        "unjudged": comparison.unjudged,
        **({"stopping": comparison.stopping} if comparison.stopping else {}),
        "interval_level": comparison.reference.micro.level,
        "alarms": comparison.alarms,
        "models": models,
    }
    if comparison.groups:
        tree["groups"] = group_records(comparison)
    if comparison.decompositions:
        tree["decompositions"] = decomposition_records(comparison)
    if comparison.views:
        tree["views"] = view_records(comparison)
    return json.dumps(finite(tree), indent=2, allow_nan=False) + "\n"


def finite(tree: object) -> object:
    match tree:
        case dict():
            return {key: finite(value) for key, value in tree.items()}
        case list() | tuple():
            return [finite(value) for value in tree]
        case float() if not math.isfinite(tree):
            return None
        case _:
            return tree


FORMAT = Format("json", ".json", render)
