"""How far all tokens' probabilities moved: what llama.cpp's `perplexity --kl-divergence` reports.

Source: llama.cpp `tools/perplexity/perplexity.cpp`, `log_softmax` and `kl_divergence`. Its
positions are those of a running text, ours those where a letter is read, and the next token is
there the gold letter's. Two more things differ. It leaves out tokens to which the reference gives
less than e^-16, of which a large vocabulary has many; here all count. And it keeps the reference
alone, in 16 bits, so that a model has a divergence from itself; here both are kept in float16.

What float16 loses: each logarithm is off by up to 2^-11 of itself. Both sides are normalised once
more in float64, and so what is off alike cancels: over 160 positions of SmolLM2 the KLD is off by
3.2e-5 at most in Q8_0 (mean KLD 0.0017), and by 1.2e-3 in Q4_0 (0.66).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_softmax

from ggufeval.stats.divergence import kullback_leibler
from ggufeval.types import Spread, VocabularyDivergence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ggufeval.stats.sample import Bools, Floats
    from ggufeval.types import Question, Record, RunResult

_QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
"""Of a `Spread`, in its order."""


def vocabulary_divergence(
    reference: RunResult,
    candidate: RunResult,
    pairs: Iterable[tuple[tuple[str, int], bytes, bytes]],
) -> VocabularyDivergence | None:
    """Compare kept log-probabilities (float16, little-endian), two a record, which is its key.

    None without any, and where the vocabularies are not of one size. Which token is the likeliest,
    and how likely the gold letter is (the likeliest of its tokens), the records say without
    rounding.
    """
    questions = {question.id: question for question in reference.questions}
    ours, theirs = (
        {(r.question_id, r.rotation): r for r in run.records} for run in (reference, candidate)
    )
    klds, moved, same = [], [], []
    n_vocab = 0
    for key, *kept in pairs:
        if key not in ours or key not in theirs:
            continue
        log_p, log_q = (np.frombuffer(floats, dtype="<f2").astype(np.float64) for floats in kept)
        if len(log_p) != len(log_q):
            return None
        n_vocab = len(log_p)
        question = questions[key[0]]
        klds.append(_kld(log_p, log_q))
        moved.append(_gold(theirs[key], question) - _gold(ours[key], question))
        same.append(theirs[key].top_token == ours[key].top_token)
    return summary(np.array(klds), np.array(moved), np.array(same), n_vocab) if klds else None


def summary(klds: Floats, moved: Floats, same: Bools, n_vocab: int) -> VocabularyDivergence:
    """From the KLD, delta p and whether the likeliest token is the same, each of length n.

    RMS = sqrt(mean dp^2) with the standard error SE(mean dp^2) / (2 RMS), by the delta method; that
    of a share p is sqrt(p (1 - p) / (n - 1)).
    """
    n = len(klds)
    square = float(np.mean(moved**2))
    rms = math.sqrt(square)
    share = float(same.mean())
    return VocabularyDivergence(
        n=n,
        n_vocab=n_vocab,
        kld=_spread(klds),
        gold_change=_spread(moved),
        gold_rms=rms,
        gold_rms_standard_error=_standard_error(moved**2) / (2 * rms) if rms else 0.0,
        same_top=share,
        same_top_standard_error=math.sqrt(share * (1 - share) / (n - 1)) if n > 1 else math.nan,
    )


def _kld(log_p: Floats, log_q: Floats) -> float:
    """In nats, of the two as they are when they are normalised."""
    return float(kullback_leibler(*(log_softmax(each)[None] for each in (log_p, log_q)))[0])


def _gold(record: Record, question: Question) -> float:
    """The probability of its letter among all tokens."""
    return math.exp(record.letter_logprobs[question.answer])


def _spread(values: Floats) -> Spread:
    # Between infinite ones, of tokens that the candidate excludes, nothing can be interpolated.
    finite = np.isfinite(values).all()
    quantiles = np.quantile(values, _QUANTILES, method="linear" if finite else "higher")
    return Spread(float(values.mean()), _standard_error(values), *map(float, quantiles))


def _standard_error(values: Floats) -> float:
    """Of the mean: s/sqrt(n), s^2 with n - 1; NaN where n = 1."""
    if len(values) == 1 or not np.isfinite(values).all():
        return math.nan
    return float(values.std(ddof=1)) / math.sqrt(len(values))
