"""How far a candidate's probabilities of all tokens are from the reference's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """A quantity at n positions: its mean, and where in order of size the others stand."""

    mean: float
    standard_error: float
    """Of the mean; NaN where n = 1."""
    minimum: float
    p1: float
    """The 1st percentile, and so on."""
    p5: float
    p10: float
    median: float
    p90: float
    p95: float
    p99: float
    p99_9: float
    maximum: float


@dataclass(frozen=True, slots=True)
class VocabularyDivergence:
    """A candidate against the reference over the whole vocabulary, at the answers' positions.

    What llama.cpp's `perplexity --kl-divergence` reports. Nothing is ranked by it.
    """

    n: int
    """Positions, one a question: those whose probabilities both runs have kept."""
    n_vocab: int
    kld: Spread
    """KLD(reference||candidate), in nats."""
    gold_change: Spread
    """Delta p: the probability of the gold letter's token, candidate minus reference."""
    gold_rms: float
    """Root mean square of delta p, in [0, 1]."""
    gold_rms_standard_error: float
    same_top: float
    """Share of the positions where the likeliest token is the same."""
    same_top_standard_error: float
