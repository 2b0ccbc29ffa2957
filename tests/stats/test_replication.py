"""A run against answers that somebody else recorded."""

import math
from dataclasses import replace

import pytest

from ggufeval.errors import ComparisonError
from ggufeval.stats import compare
from ggufeval.stats.replication import replication
from ggufeval.types import Design


def recorded(result, letters):
    """The answers of somebody else, in the order of the questions; `?` is unread, `-` missing."""
    return {
        q.id: None if letter == "?" else "ABCD".index(letter)
        for q, letter in zip(result.questions, letters, strict=True)
        if letter != "-"
    }


def test_a_replication(make_result):
    result = make_result({"law": "AAAB", "physics": "AADB"})
    found = replication(result, recorded(result, "ABBBAAAC"))
    assert (found.n, found.n_same) == (8, 4)
    assert (found.ours.value, found.theirs.value) == (5 / 8, 4 / 8)
    d = found.difference
    assert (d.lost, d.won, d.changed) == (1, 2, 1)
    assert d.micro.value == pytest.approx(1 / 8)


def test_it_is_what_a_comparison_of_two_runs_says(make_result):
    kind = {"design": Design.STRATIFIED, "population": {"law": 900, "physics": 100}}
    ours = make_result({"law": "AABA", "physics": "BA?C"}, **kind)
    theirs = make_result({"law": "ABBA", "physics": "A?CC"}, **kind)
    found = replication(ours, recorded(ours, "ABBAA?CC"), level=0.9)
    compared = compare(theirs, [ours], level=0.9)
    assert found.theirs == compared.reference.micro
    assert found.ours == compared.candidates[0].score.micro
    assert found.difference == compared.candidates[0].difference


def test_only_the_questions_that_both_have(make_result):
    result = make_result({"law": "AB-A", "art": "AA"})
    found = replication(result, recorded(result, "A-AB--") | {"elsewhere": 0})
    assert (found.n, found.n_same) == (2, 1)
    assert (found.ours.value, found.theirs.value) == (1, 0.5)


def test_what_could_not_be_read_is_wrong(make_result):
    result = make_result({"law": "A?B?"})
    found = replication(result, recorded(result, "?A??"))
    assert (found.ours.value, found.theirs.value) == (0.25, 0.25)
    assert (found.difference.lost, found.difference.won, found.difference.changed) == (1, 1, 1)
    assert found.n_same == 1


def test_an_unread_answer_of_ours_does_not_make_theirs_unread(make_result):
    result = make_result({"law": "??"})
    assert replication(result, recorded(result, "AA")).theirs.value == 1


def test_of_a_run_with_rotations_the_questions_as_they_stand(make_result, make_record):
    result = make_result({"law": "AB"})
    turned = tuple(replace(record, rotation=1, letter=3) for record in result.records)
    found = replication(replace(result, records=result.records + turned), recorded(result, "AA"))
    assert (found.n, found.n_same) == (2, 1)
    assert math.isfinite(found.difference.mcnemar_p)


def test_nothing_in_common(make_result):
    with pytest.raises(ComparisonError) as caught:
        replication(make_result({"law": "A"}), {"elsewhere": 0})
    assert str(caught.value) == (
        "No question of the run run of Tiny Q8_0 has a recorded answer. "
        "Repeat its command with the rows that it was asked from."
    )
