"""Runs against one another."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggufeval.errors import ComparisonError
from ggufeval.stats import compare
from ggufeval.stats.paired import mcnemar_midp, mover
from ggufeval.types import Design

SHORT = "Only {} questions are compared, from {} subjects"


def test_a_comparison(make_result):
    reference = make_result({"law": "AAAB", "physics": "AADB"}, label="Tiny F16")
    candidate = make_result({"law": "ABBA", "physics": "AACB"}, label="Tiny Q4_0")
    c = compare(reference, [candidate])
    assert (c.n_questions, c.n_population, c.n_subjects, c.design) == (8, 8, 2, Design.FULL)
    assert c.chance == 0.25
    assert c.reference_at_chance is False
    assert (c.reference.n_correct, c.candidates[0].score.n_correct) == (5, 4)
    d = c.candidates[0].difference
    assert (d.lost, d.won, d.changed) == (2, 1, 1)
    assert d.micro == mover([2], [1], [8], [1.0])
    assert d.micro.value == pytest.approx(-1 / 8)
    assert d.macro == mover([2, 0], [1, 0], [4, 4], [0.5, 0.5])
    assert d.mcnemar_p == mcnemar_midp(2, 1)


def test_equal_numbers_a_subject_are_weighted(make_result):
    kind = {"design": Design.STRATIFIED, "population": {"law": 900, "physics": 100}}
    c = compare(
        make_result({"law": "AA", "physics": "BB"}, **kind),
        [make_result({"law": "AB", "physics": "AB"}, **kind)],
        level=0.9,
    )
    d = c.candidates[0].difference
    assert d.micro == mover([1, 0], [0, 1], [2, 2], [0.9, 0.1], level=0.9)
    assert d.micro.value == pytest.approx(-0.4)
    assert d.macro.value == pytest.approx(0)
    assert (c.n_questions, c.n_population) == (4, 1000)


def test_a_reference_by_itself(make_result):
    c = compare(make_result({"law": "AAB"}), [])
    assert c.candidates == ()
    assert c.reference.n == 3


def test_a_reference_that_guesses(make_result):
    guesser = make_result({"law": "ABCD" * 10})
    c = compare(guesser, [guesser])
    assert c.reference_at_chance is True


def test_chance_is_the_mean_over_the_questions(make_result, make_question, make_record):
    questions = (make_question(0), make_question(1, n_choices=10))
    records = tuple(make_record(q, 0) for q in questions)
    run = replace(make_result({"law": "AA"}), questions=questions, records=records)
    c = compare(run, [run])
    assert c.chance == pytest.approx((1 / 4 + 1 / 10) / 2)
    assert len(c.reference.letter_counts) == 10


# --- the questions in common ---------------------------------------------------------------


def test_unfinished_runs_are_compared_where_all_have_answers(make_result):
    reference = make_result({"law": "AAAB", "physics": "AA"}, label="Tiny F16")
    unfinished = make_result({"law": "ABA-", "physics": "--"}, label="Tiny Q4_0")
    other = make_result({"law": "-AAB", "physics": "AA"}, label="Tiny Q2_K")
    c = compare(reference, [unfinished, other])
    assert c.n_questions == 2
    assert c.n_subjects == 1
    assert [s.n for s in (c.reference, *(x.score for x in c.candidates))] == [2, 2, 2]
    assert [x.difference.lost for x in c.candidates] == [1, 0]
    assert c.alarms[0] == (
        "Only 2 of 6 questions are compared, from 1 of 2 subjects: the others are not recorded "
        "in every run (Tiny F16 6, Tiny Q4_0 3, Tiny Q2_K 5)."
    )
    assert not any("Only" in alarm for alarm in compare(reference, [reference]).alarms)


def test_the_order_of_the_records_does_not_matter(make_result):
    reference = make_result({"law": "AABC", "physics": "AB"})
    candidate = make_result({"law": "ABAD", "physics": "AB"})
    turned = replace(candidate, records=candidate.records[::-1])
    assert compare(reference, [turned]) == compare(reference, [candidate])


def test_nothing_in_common(make_result):
    first = make_result({"law": "AA--"}, label="Tiny F16")
    second = make_result({"law": "--AA"}, label="Tiny Q4_0")
    with pytest.raises(ComparisonError, match=r"Tiny F16 2, Tiny Q4_0 2"):
        compare(first, [second])


def test_rotations_pair_with_themselves(make_result):
    run = make_result({"law": "AAB"})
    turned = replace(run, records=tuple(replace(r, rotation=1) for r in run.records))
    with pytest.raises(ComparisonError, match="No question was answered in every run"):
        compare(run, [turned])
    both = replace(run, records=run.records + turned.records)
    c = compare(both, [both])
    assert (c.n_questions, c.reference.n) == (3, 3)
    assert (c.reference.n_correct, c.reference.n_answers) == (4, 6)
    assert compare(run, [both]).n_questions == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [({"answer": 1}, "answer"), ({"stem": "?"}, "stem"), ({"choices": ("x", "y")}, "choices")],
)
def test_the_same_question_must_be_the_same(make_result, change, field):
    reference = make_result({"law": "AA"})
    questions = (reference.questions[0], replace(reference.questions[1], **change))
    with pytest.raises(ComparisonError, match=f"test/law/1 is not the same .* differ in {field}"):
        compare(reference, [replace(reference, questions=questions)], allow_mismatch=True)


# --- settings ------------------------------------------------------------------------------


def test_other_settings_are_refused(make_result):
    reference = make_result({"law": "AAB"}, label="Tiny F16")
    engine = replace(reference.run.fingerprint.engine, n_ubatch=256)
    candidate = make_result({"law": "AAB"}, label="Tiny Q4_0", engine=engine, shots=0)
    sentence = (
        "Tiny Q4_0 (run run) differs from Tiny F16 (run run) in more than the model: "
        "shots is 0, not 5; engine.n_ubatch is 256, not 512."
    )
    with pytest.raises(ComparisonError) as error:
        compare(reference, [candidate])
    assert str(error.value).startswith(sentence)
    assert compare(reference, [candidate], allow_mismatch=True).alarms[0] == sentence


@pytest.mark.parametrize(
    ("other", "common"),
    [
        (Design.FULL, Design.FULL),
        (Design.RANDOM, Design.RANDOM),
        (Design.STRATIFIED, Design.STRATIFIED),
    ],
)
def test_a_full_run_against_a_sample_is_the_sample(make_result, other, common):
    reference = make_result({"law": "AAAB", "physics": "AA"})
    sample = make_result({"law": "AB", "physics": "AA"}, design=other, plan_hash="other")
    for one, two in ((reference, sample), (sample, reference)):
        c = compare(one, [two], allow_mismatch=True)
        assert c.design is common
        assert c.n_questions == 4
        assert any(a.startswith(SHORT.format("4 of 6", "2 of 2")) for a in c.alarms)


# --- laws ----------------------------------------------------------------------------------

LETTERS = st.text("ABCD?", min_size=8, max_size=8)


@given(LETTERS, LETTERS, st.sampled_from(Design))
def test_swapping_reference_and_candidate(make_result, mine, theirs, design):
    whole = {"law": 70, "physics": 30}
    one, two = (
        make_result({"law": x[:5], "physics": x[5:]}, design=design, population=whole)
        for x in (mine, theirs)
    )
    there, back = compare(one, [two]), compare(two, [one])
    d, e = there.candidates[0].difference, back.candidates[0].difference
    assert (d.lost, d.won, d.changed) == (e.won, e.lost, e.changed)
    assert d.mcnemar_p == e.mcnemar_p
    for x, y in ((d.micro, e.micro), (d.macro, e.macro)):
        assert (x.value, x.low, x.high) == (-y.value, -y.high, -y.low)
    assert there.reference == back.candidates[0].score


@given(LETTERS, LETTERS, st.sampled_from(Design))
def test_the_difference_is_the_difference_of_the_scores(make_result, mine, theirs, design):
    whole = {"law": 70, "physics": 30}
    one, two = (
        make_result({"law": x[:5], "physics": x[5:]}, design=design, population=whole)
        for x in (mine, theirs)
    )
    c = compare(one, [two])
    score, d = c.candidates[0].score, c.candidates[0].difference
    assert d.won - d.lost == score.n_correct - c.reference.n_correct
    assert d.micro.value == pytest.approx(score.micro.value - c.reference.micro.value)
    assert d.macro.value == pytest.approx(score.macro.value - c.reference.macro.value)


def test_p_is_corrected_over_the_candidates(make_result):
    reference = make_result({"law": "A" * 40}, label="Tiny F16")
    letters = ["B" * 8 + "A" * 32, "B" * 5 + "A" * 35, "A" * 40]
    c = compare(reference, [make_result({"law": text}) for text in letters])
    raw = [item.difference.mcnemar_p for item in c.candidates]
    assert raw == [mcnemar_midp(8, 0), mcnemar_midp(5, 0), 1]
    assert [item.holm_p for item in c.candidates] == [3 * raw[0], 2 * raw[1], 1]
