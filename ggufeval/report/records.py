"""The comparison as plain values, full precision, for the reports that machines read."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ggufeval.report.rows import is_starred
from ggufeval.report.vocabulary import vocabulary_fields
from ggufeval.types import LETTERS

if TYPE_CHECKING:
    from ggufeval.types import Candidate, Comparison, Estimate, Fingerprint, Judgement, Score

Value = str | int | float | bool | None


_UNKNOWN = (
    "n_params",
    "size_bytes",
    "bits_per_weight",
    "nominal_share",
    "questions_per_second",
    "tokens_per_second",
    "seconds",
    "n_tokens",
    "peak_rss_bytes",
)
"""What the records of another program do not tell."""


def records(comparison: Comparison) -> tuple[dict[str, Value], ...]:
    """One flat record a model, the reference first, with the same keys in the same order."""
    scored: list[tuple[Score, Candidate | None]] = [(comparison.reference, None)]
    scored += [(item.score, item) for item in comparison.candidates]
    found = [
        _record(score, item)
        | _unknown(score)
        | _more(score)
        | _floor(score, item)
        | _moved(item)
        | vocabulary_fields(item)
        for score, item in scored
    ]
    # What one model has and another has not is empty there.
    keys = dict.fromkeys(key for record in found for key in record)
    return tuple({key: record.get(key) for key in keys} for record in found)


def settings(fingerprint: Fingerprint) -> dict[str, object]:
    """All fields of a fingerprint but for those that its way of reading does not have, nor the
    other program that made it."""
    kept = json.loads(fingerprint.to_json())
    for name in ("engine", "build", "grammar") if fingerprint.tool else ():
        del kept[name]
    return {name: value for name, value in asdict(fingerprint).items() if name in kept}


def _unknown(score: Score) -> dict[str, Value]:
    return dict.fromkeys(_UNKNOWN) if score.run.fingerprint.tool else {}


def _more(score: Score) -> dict[str, Value]:
    """What only some ways of reading and asking have."""
    found: dict[str, Value] = {}
    if score.run.fingerprint.read == "sample":
        found |= {"n_unparsed": score.n_unparsed, "n_no_choice": score.n_no_choice}
    if score.summed:
        found |= estimate_fields("accuracy_summed", score.summed)
    if score.positions:
        for letter, estimate in zip(LETTERS, score.positions.by_position, strict=False):
            found |= estimate_fields(f"accuracy_position_{letter}", estimate)
        found |= estimate_fields("same_in_all_rotations", score.positions.same)
    return found


def _floor(score: Score, candidate: Candidate | None) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if floor := score.floor:
        found |= {"flip_floor_n": floor.n, "flip_floor_flips": floor.flips}
        found |= {"flip_floor_changed": floor.changed, "flip_floor_moved": floor.moved}
        found |= estimate_fields("flip_floor", floor.share)
    judgement = candidate.judgement if candidate else None
    if judgement and judgement.arithmetic is not None:
        found["difference_arithmetic"] = judgement.arithmetic
    return found


def _moved(candidate: Candidate | None) -> dict[str, Value]:
    found = candidate.divergence if candidate else None
    if not found:
        return {}
    return {
        "kld_mean": found.mean,
        "kld_standard_error": found.standard_error,
        "kld_median": found.median,
        "kld_p99": found.p99,
        "kld_max": found.maximum,
        "gold_probability_rms": found.gold_rms,
        "same_answer": found.same,
    }


def _record(score: Score, candidate: Candidate | None) -> dict[str, Value]:
    run, model = score.run, score.run.model
    difference = candidate.difference if candidate else None
    return {
        "model": model.label,
        "role": "candidate" if difference else "reference",
        "run": run.id,
        "quantization": model.quantization,
        "requantized_from": model.requantized_from,
        "quantized_from": model.quantized_from,
        "imatrix": model.imatrix,
        "architecture": model.architecture,
        "n_params": model.n_params,
        "size_bytes": model.size_bytes,
        "bits_per_weight": model.bits_per_weight,
        "nominal_share": model.nominal_share,
        "starred": is_starred(model),
        "n": score.n,
        "n_correct": score.n_correct,
        "n_unread": score.n_unread,
        **estimate_fields("accuracy_micro", score.micro),
        **estimate_fields("accuracy_macro", score.macro),
        **estimate_fields("difference_micro", difference.micro if difference else None),
        **estimate_fields("difference_macro", difference.macro if difference else None),
        "lost": difference.lost if difference else None,
        "won": difference.won if difference else None,
        "changed": difference.changed if difference else None,
        "mcnemar_p": difference.mcnemar_p if difference else None,
        "mcnemar_p_holm": candidate.holm_p if candidate else None,
        **_judgement_fields(candidate.judgement if candidate else None),
        "letter_mass": score.letter_mass,
        "questions_per_second": score.questions_per_second,
        "tokens_per_second": score.tokens_per_second,
        "seconds": run.seconds,
        "n_tokens": run.n_tokens,
        "peak_rss_bytes": run.peak_rss_bytes,
        "created": run.created,
        "status": str(run.status),
        "model_sha256": model.sha256,
        "plan_hash": run.fingerprint.plan_hash,
    }


def _judgement_fields(judgement: Judgement | None) -> dict[str, Value]:
    interval = judgement.interval if judgement else None
    return {
        "verdict": str(judgement.verdict) if judgement else None,
        "verdict_low": interval.low if interval else None,
        "verdict_high": interval.high if interval else None,
        "verdict_level": interval.level if interval else None,
        "detectable": judgement.detectable if judgement else None,
        **({"n_stop": judgement.n_stop} if judgement and judgement.n_stop else {}),
    }


def estimate_fields(name: str, estimate: Estimate | None) -> dict[str, Value]:
    return {
        name: estimate.value if estimate else None,
        f"{name}_low": estimate.low if estimate else None,
        f"{name}_high": estimate.high if estimate else None,
    }
