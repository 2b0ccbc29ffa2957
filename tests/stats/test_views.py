"""Views of a comparison: without marked questions, with weights of questions and of subjects."""

import pytest

from ggufeval.errors import ComparisonError
from ggufeval.stats import compare
from ggufeval.stats.intervals import wilson
from ggufeval.stats.paired import mover
from ggufeval.types import Design, Labels, Weights, wording


def ends(estimate):
    return estimate.value, estimate.low, estimate.high


def close(estimate):
    return pytest.approx((estimate.value, estimate.low, estimate.high), abs=1e-12)


def labels(**by_id):
    return Labels("redux.csv", {name.replace("_", "/"): bad for name, bad in by_id.items()}, {})


def by_question(default=None, **values):
    named = {name.replace("_", "/"): value for name, value in values.items()}
    return Weights("w.csv", "question_id", named, default)


def by_subject(default=None, **values):
    return Weights("w.csv", "subject", values, default)


@pytest.fixture
def runs(make_result):
    """Of `law` the candidate loses the second and wins the fourth; of `art` it loses the first."""
    return (
        make_result({"law": "AAAB", "art": "AB"}, label="F16"),
        make_result({"law": "ABAA", "art": "BB"}, label="Q4_0"),
    )


def one(runs, view, **how):
    (found,) = compare(runs[0], runs[1:], views=[view], **how).views
    return found


# --- without defective questions ---


def test_what_is_marked_is_left_out(runs):
    found = one(runs, labels(test_law_1=True, test_law_2=False, test_art_1=True))
    assert (found.name, found.source, found.by) == ("redux", "redux.csv", "")
    assert (found.n, found.n_left_out, found.n_labelled) == (4, 2, 3)
    reference, candidate = found.scores
    assert ends(reference.accuracy) == close(wilson(3, 4))
    assert reference.difference is None
    assert ends(candidate.accuracy) == close(wilson(3, 4))
    assert (candidate.lost, candidate.won) == (1, 1)
    assert ends(candidate.difference) == close(mover([1], [1], [4], [1.0]))


def test_a_label_is_found_by_the_questions_words(runs):
    question = runs[0].questions[1]
    marked = Labels("hub", {}, {wording(question.stem, question.choices): True})
    found = one(runs, marked)
    # All stems `stem 1` with the same choices are one text to it, in `art` too.
    assert (found.n_left_out, found.n_labelled) == (2, 2)
    assert marked.of(question) is True


def test_a_part_of_a_stratified_sample_keeps_the_subjects_weights(make_result):
    how = {"design": Design.STRATIFIED, "population": {"law": 30, "art": 10}}
    runs = [
        make_result({"law": law, "art": art}, label=name, **how)
        for law, art, name in (("AABB", "AAAA", "F16"), ("AABB", "BAAA", "Q4_0"))
    ]
    (everything,) = compare(runs[0], runs[1:], views=[labels(test_law_0=False)]).views
    whole = compare(runs[0], runs[1:])
    assert everything.scores[0].accuracy.value == pytest.approx(whole.reference.micro.value)
    (candidate,) = whole.candidates
    assert everything.scores[1].difference.value == pytest.approx(candidate.difference.micro.value)
    part = one(runs, labels(test_law_0=True))
    # 30/4 for each of three of law (one right), 10/4 for each of four of art (all right).
    assert part.scores[0].accuracy.value == pytest.approx((7.5 + 10) / (22.5 + 10))


def test_nothing_labelled_and_nothing_left(runs):
    with pytest.raises(ComparisonError) as caught:
        one(runs, labels(mmlu_test_law_0=True))
    assert str(caught.value) == (
        "None of the 6 questions compared has a label in redux.csv: expected questions of MMLU's "
        "split `test`. Leave out --redux."
    )
    everything = {q.id: True for q in runs[0].questions}
    with pytest.raises(ComparisonError, match=r"None of the 6 questions compared is left: in "):
        one(runs, Labels("redux.csv", everything, {}))


# --- weights ---


def test_weights_of_questions(runs):
    found = one(runs, by_question(1, test_law_1=3, test_art_0=0))
    assert (found.name, found.by, found.n, found.n_left_out) == ("weights", "question_id", 5, 1)
    assert found.n_effective == pytest.approx(49 / 13)
    reference, candidate = found.scores
    # law: A A A B with 1 3 1 1; art: B with 1.
    assert reference.accuracy.value == pytest.approx(5 / 7)
    assert candidate.difference.value == pytest.approx((1 - 3) / 7)
    assert (candidate.lost, candidate.won) == (1, 1)


def test_weights_of_subjects_are_of_subjects_as_a_whole(runs):
    found = one(runs, by_subject(law=1, art=3))
    assert found.by == "subject"
    reference, candidate = found.scores
    assert reference.accuracy.value == pytest.approx(0.25 * 0.75 + 0.75 * 0.5)
    assert candidate.difference.value == pytest.approx(0.75 * -0.5)


@pytest.mark.parametrize("design", Design)
def test_equal_weights_of_subjects_are_macro_and_of_questions_micro(make_result, design):
    how = {"design": design, "population": {"law": 30, "art": 10}}
    runs = [
        make_result({"law": law, "art": art}, label=name, **how)
        for law, art, name in (("AABBA", "ABAA", "F16"), ("AABAB", "BBAA", "Q4_0"))
    ]
    views = [by_subject(2), by_question(2)]
    found = compare(runs[0], runs[1:], views=views)
    macro, micro = found.views
    (candidate,) = found.candidates
    for seen, mean in ((macro, "macro"), (micro, "micro")):
        accuracy, difference = seen.scores[0].accuracy, seen.scores[1].difference
        assert accuracy.value == pytest.approx(getattr(found.reference, mean).value)
        usual = getattr(candidate.difference, mean)
        assert difference.value == pytest.approx(usual.value)
        # By `weighted_size` never narrower.
        assert usual.low - 0.05 < difference.low <= usual.low + 1e-12
        assert usual.high + 0.05 > difference.high >= usual.high - 1e-12


def test_a_question_in_several_rotations_is_one(make_result):
    from dataclasses import replace

    def turned(result, letters):
        again = [
            replace(record, rotation=1, letter="ABCD".index(x), correct=x == "A")
            for record, x in zip(result.records, letters, strict=True)
        ]
        return replace(result, records=(*result.records, *again))

    runs = [
        turned(make_result({"law": "AA"}, label="F16", permute="cyclic"), "AA"),
        turned(make_result({"law": "AB"}, label="Q4_0", permute="cyclic"), "BB"),
    ]
    found = one(runs, by_question(test_law_0=1, test_law_1=3))
    assert found.n == 2
    assert found.scores[1].difference.value == pytest.approx(-(0.5 + 3) / 4)
    assert (found.scores[1].lost, found.scores[1].won) == (3, 0)


def test_a_weight_for_each(runs):
    with pytest.raises(ComparisonError) as caught:
        one(runs, by_question(test_law_0=1, test_art_0=1))
    assert str(caught.value) == (
        "w.csv has no weight for 4 of the 6 questions compared (test/law/1, test/law/2, "
        "test/law/3, ...). Add them, or a row * for all others."
    )
    with pytest.raises(ComparisonError, match=r"for 1 of the 2 subjects compared \(art\)\."):
        one(runs, by_subject(law=1))
    assert one(runs, by_subject(0, law=1)).n == 4
    with pytest.raises(ComparisonError, match=r"is left: in w\.csv"):
        one(runs, by_subject(0, Law=1))


def test_names_that_are_nowhere_are_counted(runs):
    assert one(runs, by_subject(1, law=2, Art=3, maths=4)).n_unused == 2


# --- where there is none ---


def test_views_are_asked_for(runs):
    assert compare(runs[0], runs[1:]).views == ()


def test_a_reference_alone(runs):
    (found,) = compare(runs[0], [], views=[labels(test_law_0=True)]).views
    assert len(found.scores) == 1


def test_not_of_runs_that_may_end_early(make_result):
    runs = [
        make_result({"law": "AAAB"}, label=name, stopping="budget 2") for name in ("F16", "Q4_0")
    ]
    with pytest.raises(ComparisonError, match=r"without --by, --redux and --weights\.$"):
        one(runs, labels(test_law_0=True))
