"""The divergence over all tokens: by hand, against scipy, and against llama.cpp's own way."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, rel_entr, softmax
from scipy.stats import sem

from ggufeval.stats import compare
from ggufeval.stats.vocabulary import summary, vocabulary_divergence

VOCABULARY = 40
LOGITS = st.lists(st.floats(-20, 20, width=16), min_size=VOCABULARY, max_size=VOCABULARY)
PAIRS = st.lists(st.tuples(LOGITS, LOGITS), min_size=1, max_size=12)


def halved(log_probabilities):
    return np.asarray(log_probabilities, dtype="<f2").tobytes()


@pytest.fixture(scope="session")
def measure(make_result):
    """The divergence of one row of logits a position from another; token 0 is the gold letter's.

    The records are float64, what is kept is float16.
    """

    def of(reference, candidate):
        base = make_result({"law": "A" * len(reference)})
        sides, kept = [], []
        for rows in (reference, candidate):
            logits = np.array(rows, dtype=np.float64)
            kept.append([halved(row) for row in log_softmax(logits, axis=1)])
            records = [
                replace(
                    record,
                    letter_logits=tuple(row[:4]),
                    logsumexp=float(np.logaddexp.reduce(row)),
                    top_token=int(row.argmax()),
                )
                for record, row in zip(base.records, logits, strict=True)
            ]
            sides.append(replace(base, records=tuple(records)))
        keys = [(record.question_id, 0) for record in base.records]
        return vocabulary_divergence(*sides, zip(keys, *kept, strict=True))

    return of


def logs(*shares):
    return [math.log(share) for share in shares]


# --- by hand -------------------------------------------------------------------------------


def test_two_positions_by_hand(measure):
    """At the first 1/2, 1/4, 1/8, 1/8 become 1/4, 1/2, 1/8, 1/8: KLD = ln 2 / 2 - ln 2 / 4 = .1733,
    delta p of the first token -1/4, another token on top. At the second nothing moves."""
    before, after = logs(1 / 2, 1 / 4, 1 / 8, 1 / 8), logs(1 / 4, 1 / 2, 1 / 8, 1 / 8)
    d = measure([before, after], [after, after])
    assert (d.n, d.n_vocab) == (2, 4)
    assert d.kld.maximum == pytest.approx(math.log(2) / 4, abs=2e-4)
    assert d.kld.minimum == 0
    assert d.kld.mean == d.kld.median == pytest.approx(d.kld.maximum / 2)
    assert d.kld.standard_error == pytest.approx(d.kld.maximum / 2)
    assert d.kld.p99_9 == pytest.approx(0.999 * d.kld.maximum)
    assert d.gold_change.minimum == pytest.approx(-0.25)
    assert d.gold_change.mean == pytest.approx(-0.125)
    assert d.gold_rms == pytest.approx(0.25 / math.sqrt(2))
    # dp^2 is 1/16 and 0: mean 1/32, its standard error 1/32, through the root 1/64 / rms.
    assert d.gold_rms_standard_error == pytest.approx(1 / 64 / d.gold_rms)
    assert d.same_top == 0.5
    assert d.same_top_standard_error == pytest.approx(0.5)


def test_one_position_has_no_standard_error(measure):
    d = measure([logs(0.5, 0.25, 0.125, 0.125)], [logs(0.25, 0.5, 0.125, 0.125)])
    assert d.n == 1
    for value in (
        d.kld.standard_error,
        d.gold_change.standard_error,
        d.gold_rms_standard_error,
        d.same_top_standard_error,
    ):
        assert math.isnan(value)
    assert d.kld.p1 == d.kld.maximum == d.kld.mean > 0


def test_a_model_has_no_divergence_from_itself(measure):
    rows = np.random.default_rng(0).normal(0, 5, (20, VOCABULARY))
    d = measure(rows, rows)
    assert d.kld.maximum == d.kld.standard_error == d.gold_rms == d.gold_rms_standard_error == 0
    assert (d.same_top, d.same_top_standard_error) == (1, 0)


def test_a_token_that_both_exclude_counts_nothing(measure):
    rest, other = logs(1 / 2, 1 / 4, 1 / 8, 1 / 8), logs(1 / 4, 1 / 2, 1 / 8, 1 / 8)
    excluded = [-math.inf]
    d = measure([rest + excluded], [other + excluded])
    assert d.n_vocab == 5
    assert d.kld.mean == measure([rest], [other]).kld.mean > 0


def test_a_token_that_the_candidate_alone_excludes_is_infinite(measure):
    """There is no mean then, but a median."""
    even, without = logs(1 / 4, 1 / 4, 1 / 4, 1 / 4), [0.0, 0.0, 0.0, -math.inf]
    d = measure([even, even, even, without], [even, even, without, even])
    assert d.kld.mean == d.kld.maximum == math.inf
    assert math.isnan(d.kld.standard_error)
    assert d.kld.minimum == 0
    assert d.kld.median == pytest.approx(math.log(4 / 3), abs=1e-3)  # the reference excludes it


# --- laws and oracles ----------------------------------------------------------------------


@given(PAIRS)
def test_kld_is_scipys_within_what_float16_loses(measure, pairs):
    reference, candidate = (np.array(side) for side in zip(*pairs, strict=True))
    d = measure(reference, candidate)
    p, q = softmax(reference, axis=1), softmax(candidate, axis=1)
    exact = rel_entr(p, q).sum(axis=1)
    # Each logarithm is off by 2^-11 of itself, at most 44 here, and KLD is at most 40.
    assert d.kld.mean == pytest.approx(exact.mean(), rel=2e-3, abs=2e-3)
    assert d.kld.maximum == pytest.approx(exact.max(), rel=2e-3, abs=2e-3)
    assert d.kld.minimum >= 0
    moved = q[:, 0] - p[:, 0]
    assert d.gold_change.mean == pytest.approx(moved.mean(), abs=1e-12)
    assert d.gold_rms == pytest.approx(math.sqrt((moved**2).mean()), abs=1e-12)


def test_float16_loses_little_near_the_reference(measure):
    """Where two models are alike, so is what float16 takes from them."""
    rng = np.random.default_rng(1)
    reference = rng.normal(0, 3, (50, 5_000))
    candidate = reference + rng.normal(0, 0.05, reference.shape)
    exact = rel_entr(softmax(reference, axis=1), softmax(candidate, axis=1)).sum(axis=1)
    d = measure(reference, candidate)
    assert 1e-4 < exact.mean() < 2e-3
    assert d.kld.mean == pytest.approx(exact.mean(), abs=1e-6)
    assert d.kld.maximum == pytest.approx(exact.max(), abs=3e-5)


def llama_cpp(reference, candidate, tokens):
    """As tools/perplexity/perplexity.cpp does it: running sums, sorted lists, no numpy statistics.

    The base is kept in 16 bits between its least and greatest logit, or 16 below that, and tokens
    of less than e^-16 count nothing.
    """
    klds, moved, n_same = [], [], 0
    for base, logits, token in zip(reference, candidate, tokens, strict=True):
        top, least = max(base), max(min(base), max(base) - 16)
        log_sum = math.log(sum(math.exp(x - top) for x in base))
        scale = (top - least) / 65535
        steps = [round((x - least) / scale) if x > least else 0 for x in base]
        log_base = [scale * step + least - top - log_sum for step in steps]
        log_all = max(logits) + math.log(sum(math.exp(x - max(logits)) for x in logits))
        klds.append(
            sum(
                math.exp(b) * (b - x + log_all)
                for b, x in zip(log_base, logits, strict=True)
                if b > -16
            )
        )
        n_same += log_base.index(max(log_base)) == list(logits).index(max(logits))
        moved.append(math.exp(logits[token] - log_all) - math.exp(log_base[token]))
    n = len(klds)

    def mean_and_uncertainty(total, total_of_squares):
        mean = total / n
        return mean, math.sqrt((total_of_squares / n - mean**2) / (n - 1))

    def percentile(values, fraction):
        values = sorted(values)
        place = fraction * (n - 1)
        i = int(place)
        part = place - i
        return (1 - part) * values[i] + part * values[min(i + 1, n - 1)]

    def spread(values):
        several = (0, 0.01, 0.05, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1)
        mean = mean_and_uncertainty(sum(values), sum(x**2 for x in values))
        return (*mean, *(percentile(values, fraction) for fraction in several))

    square, uncertainty = mean_and_uncertainty(sum(x**2 for x in moved), sum(x**4 for x in moved))
    rms = math.sqrt(square)
    same = n_same / n
    return {
        "kld": spread(klds),
        "gold_change": spread(moved),
        "rms": (rms, 0.5 / rms * uncertainty),
        "same": (same, math.sqrt(same * (1 - same) / (n - 1))),
    }


def figures(spread):
    return tuple(getattr(spread, name) for name in type(spread).__slots__)


@pytest.mark.parametrize("noise", [0.1, 0.5, 2.0])
def test_every_figure_is_llama_cpps(measure, noise):
    rng = np.random.default_rng(2)
    reference = rng.normal(0, 2, (130, 300))
    candidate = reference + rng.normal(0, noise, reference.shape)
    found = measure(reference, candidate)
    expected = llama_cpp(reference.tolist(), candidate.tolist(), [0] * 130)
    assert figures(found.kld) == pytest.approx(expected["kld"], rel=2e-3, abs=1e-4)
    assert figures(found.gold_change) == pytest.approx(expected["gold_change"], rel=1e-3, abs=1e-5)
    rms = found.gold_rms, found.gold_rms_standard_error
    assert rms == pytest.approx(expected["rms"], rel=1e-3)
    same = found.same_top, found.same_top_standard_error
    assert same == pytest.approx(expected["same"], abs=1e-12)
    assert 0 < found.same_top < 1


def test_the_standard_error_is_scipys():
    values = np.random.default_rng(3).exponential(size=40)
    d = summary(values, values - 0.5, values > 1, 10)
    assert d.kld.standard_error == pytest.approx(sem(values))
    assert d.gold_change.standard_error == pytest.approx(sem(values))


# --- what is compared ----------------------------------------------------------------------


def test_nothing_kept_is_nothing_compared(make_result):
    run = make_result({"law": "AB"})
    assert vocabulary_divergence(run, run, iter(())) is None


def test_vocabularies_of_two_sizes_are_not_compared(make_result):
    run = make_result({"law": "AB"})
    key = (run.records[0].question_id, 0)
    assert vocabulary_divergence(run, run, [(key, halved([-1, -1]), halved([-1] * 3))]) is None


def test_only_what_both_have_answered_is_compared(make_result):
    both, one = make_result({"law": "AAB"}), make_result({"law": "A-B"})
    kept = halved(logs(0.5, 0.5))
    pairs = [((question.id, 0), kept, kept) for question in both.questions]
    assert vocabulary_divergence(both, both, pairs).n == 3
    assert vocabulary_divergence(both, one, pairs).n == 2
    assert vocabulary_divergence(one, both, pairs).n == 2


def test_a_comparison_has_it_where_it_is_known(make_result):
    reference, first, second = (
        replace(result, run=replace(result.run, id=name))
        for name in ("a", "b", "c")
        for result in [make_result({"law": "AABA"}, label=name)]
    )
    found = summary(np.array([0.1]), np.array([0.0]), np.array([True]), 10)
    comparison = compare(reference, [first, second], vocabularies={"c": found})
    assert [item.vocabulary for item in comparison.candidates] == [None, found]
