"""How far the probabilities moved, whether or not an answer changed.

They are those of a question's k choices, renormalised: the softmax over the logits of its letters,
p in the reference and q in the candidate. llama.cpp's `perplexity --kl-divergence` reports the same
figures of the whole vocabulary. Near the reference they do not predict accuracy ("Accuracy is Not
All You Need", arXiv 2407.09141, and arXiv 2606.19558), and nothing is ranked by them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_softmax

from ggufeval.types import Divergence

if TYPE_CHECKING:
    from ggufeval.stats.sample import Answers, Floats, Sample


def divergence(reference: Answers, candidate: Answers, sample: Sample) -> Divergence | None:
    """Compare the letters' probabilities; None where an answer has no logit for each choice.

    All figures are those of the n questions asked, without weights; a question in several
    rotations is one, the mean of its records. The standard error of the mean KLD is s/sqrt(n),
    s^2 the variance over questions with n - 1: of a sample with equal numbers a subject it tends
    to be too large. NaN where n = 1.
    """
    if not (_complete(reference, sample) and _complete(candidate, sample)):
        return None
    log_p, log_q = (log_softmax(a.logits, axis=1) for a in (reference, candidate))
    per_question = _mean(kullback_leibler(log_p, log_q), sample)
    gold = np.arange(len(sample.asked)), sample.gold[sample.asked]
    moved = np.exp(log_q[gold]) - np.exp(log_p[gold])
    same = (reference.letters == candidate.letters).astype(np.float64)
    spread = float(per_question.std(ddof=1)) if sample.n > 1 else math.nan
    return Divergence(
        mean=float(per_question.mean()),
        standard_error=spread / math.sqrt(sample.n),
        median=float(np.median(per_question)),
        p99=float(np.quantile(per_question, 0.99)),
        maximum=float(per_question.max()),
        gold_rms=math.sqrt(float(_mean(moved**2, sample).mean())),
        same=float(_mean(same, sample).mean()),
    )


def kullback_leibler(log_p: Floats, log_q: Floats) -> Floats:
    """KLD(p||q) = sum_k p_k ln(p_k / q_k) of each row, in nats; 0 ln 0 = 0.

    Kullback and Leibler, "On information and sufficiency", Ann. Math. Stat. 22 (1951). From
    logarithms, so that no q is rounded to 0.
    """
    p = np.exp(log_p)
    ratio = np.zeros_like(p)
    np.subtract(log_p, log_q, out=ratio, where=p > 0)
    # It is never negative, but of two equal distributions its sum may be, by rounding.
    found: Floats = np.maximum((p * ratio).sum(axis=1), 0.0)
    return found


def _complete(answers: Answers, sample: Sample) -> bool:
    """Whether each record has as many logits as its question has choices."""
    wanted = sample.n_choices[sample.asked]
    has = np.isfinite(answers.logits).sum(axis=1)
    return len(has) == len(wanted) and bool((has == wanted).all())


def _mean(values: Floats, sample: Sample) -> Floats:
    """The mean over each question's records (length n)."""
    return np.bincount(sample.asked, weights=values, minlength=sample.n) / sample.n_asked
