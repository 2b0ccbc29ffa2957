from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggufeval.report import numerals
from ggufeval.report.verdicts import basis, is_judged, summary, verdicts
from ggufeval.stats.verdict import judge
from ggufeval.types import Design, Estimate, Judgement, Verdict


def judged(comparison, *judgements):
    """The first of the candidates, with other judgements."""
    kept = zip(comparison.candidates, judgements, strict=False)
    return replace(comparison, candidates=tuple(replace(c, judgement=j) for c, j in kept))


def within(value=-0.003, low=-0.0070, high=0.0010):
    return Judgement(Verdict.WITHIN, Estimate(value, low, high, 0.9), 0.004)


def test_a_sentence_a_candidate(comparison):
    assert verdicts(comparison) == (
        "Q8_0: undecided, +0.18 points [-1.82, +2.19]; 1.9x smaller.",
        "Q4_K_M†: undecided, -1.05 points [-3.94, +1.80]; 2.6x smaller.",
        "Q2_K*: over 1 point below F16, -9.47 points [-14.04, -4.89]; 3.1x smaller.",
    )


def test_within(comparison):
    (sentence,) = verdicts(judged(comparison, within()))
    assert sentence == "Q8_0: within 1 point of F16, +0.18 points [-0.70, +0.10]; 1.9x smaller."


@pytest.mark.parametrize(
    ("margin", "said"),
    [(0.005, "0.5 points"), (0.01, "1 point"), (0.02, "2 points"), (0.0, "0 points")],
)
def test_the_margin_is_named(comparison, margin, said):
    of = replace(judged(comparison, within()), margin=margin)
    assert f"within {said} of F16" in verdicts(of)[0]
    assert f"against {said}, with" in basis(of)


@pytest.mark.parametrize(
    ("size", "said"),
    [(270_900_000, "; of the same size."), (541_800_000, "; 2.0x larger."), (0, "0.10].")],
)
def test_sizes(comparison, size, said):
    of = judged(comparison, within())
    score = of.candidates[0].score
    model = replace(score.run.model, size_bytes=size)
    candidate = replace(of.candidates[0], score=replace(score, run=replace(score.run, model=model)))
    assert verdicts(replace(of, candidates=(candidate,)))[0].endswith(said)


def test_no_verdicts(unjudged, at_chance, single):
    assert [is_judged(c) for c in (unjudged, at_chance, single)] == [False] * 3
    assert [basis(c) for c in (unjudged, at_chance, single)] == [""] * 3
    assert verdicts(unjudged) == ("No verdict: the runs differ.",)
    assert verdicts(at_chance) == verdicts(single) == ()


def test_the_summary_names_each_once(comparison):
    assert summary(comparison) == (
        "Against F16 (41.23%), undecided: Q8_0, Q4_K_M†; over 1 point below: Q2_K*."
    )
    assert summary(judged(comparison, within(), within())) == (
        "Against F16 (41.23%), within 1 point: Q8_0, Q4_K_M†."
    )
    one = judged(comparison, within())
    assert summary(one) == verdicts(one)[0]


def test_what_verdicts_stand_on(comparison):
    assert basis(comparison) == (
        "Verdicts hold the loss on questions like these against 1 point, with 96.67% intervals; "
        "roughly 5% of the time is one of the 3 false. The smallest margin that 570 questions "
        "could have cleared, with as many flips and no loss: 2.01 (Q8_0), 2.87 (Q4_K_M†), 4.65 "
        "(Q2_K*) points."
    )


def test_of_one_and_of_many(comparison, rename):
    one = basis(judged(comparison, within()))
    assert "with 90% intervals; roughly 5% of the time is it false." in one
    assert one.endswith("no loss: 0.40 points.")
    many = replace(comparison, candidates=comparison.candidates * 2)
    assert basis(many).endswith("2.01 (Q8_0 (run-Q8_0)) to 4.65 (Q2_K* (run-Q2_K)) points.")


def test_a_full_run_is_exact_for_its_questions(comparison):
    full = replace(comparison, design=Design.FULL, n_population=570)
    assert "Every question was asked: for these very questions" in basis(full)
    assert "Every question" not in basis(replace(full, n_population=571))


def test_what_other_batches_may_move(comparison):
    def known(*values):
        return judged(
            comparison,
            *(
                replace(item.judgement, arithmetic=value)
                for item, value in zip(comparison.candidates, values, strict=False)
            ),
        )

    assert "with 96.67% intervals widened by the flip floors; roughly" in basis(known(0.001, None))
    assert "intervals; roughly" in basis(known(None, None))
    full = {"design": Design.FULL, "n_population": 570}
    ends = " points either way, and the arithmetic of another machine."
    for values, said in (
        ((0.00121, 0.0023), "0.13 (Q8_0), 0.23 (Q4_K_M†)"),
        ((None, 0.0023), "0.23 (Q4_K_M†)"),
        ((0.0023,), "0.23"),
    ):
        sentence = basis(replace(known(*values), **full))
        assert sentence.endswith(f"exact, but for what other batches may move, {said}{ends}")
        assert "either way" not in basis(known(*values))


@given(
    st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(1, 14_000)),
    st.integers(0, 5000),
    st.integers(1, 9),
)
def test_the_printed_interval_never_contradicts_the_verdict(counts, thousandths, k):
    lost, won, rest = counts
    margin = thousandths / 100_000
    found = judge([lost], [won], [lost + won + rest], [1.0], n_candidates=k, margin=margin)
    printed = numerals.points_interval_beside(found.interval, margin)
    low, high = (100 * float(end) for end in printed.strip("[]").split(", "))
    if low >= -thousandths / 10 - 1e-9:
        assert found.verdict is Verdict.WITHIN
    elif high < -thousandths / 10 - 1e-9:
        assert found.verdict is Verdict.WORSE
    else:
        assert found.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("low", "high", "printed"),
    [
        (-0.010001, -0.0099999, "[-1.01, -1.00]"),
        (-0.01, 0.29 - 0.30, "[-1.00, -1.00]"),
        (-0.030149, -0.010001, "[-3.01, -1.01]"),
        (0.0, 0.001, "[+0.00, +0.10]"),
    ],
)
def test_an_end_stays_on_its_side_of_the_margin(low, high, printed):
    assert numerals.points_interval_beside(Estimate(low, low, high), 0.01) == printed


def test_a_margin_between_two_hundredths():
    printed = numerals.points_interval_beside(Estimate(0, -0.003365, 0.1), 0.00337)
    assert printed == "[-0.33, +10.00]"


def test_margins_are_rounded_up():
    assert numerals.points_up(0.010001) == "1.01"
    assert numerals.points_up(0.01) == "1.00"
