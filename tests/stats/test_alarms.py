"""What a reader must be told."""

import math
from dataclasses import replace

import pytest

from ggufeval.stats import compare, score
from ggufeval.stats.alarms import at_chance, letter_alarms, letter_distance, score_alarms
from ggufeval.types import Prompts


def alarms(result):
    return list(score_alarms([score(result)], 0.25))


def test_a_good_run_raises_none(make_result):
    good = make_result({"law": "AABAC" * 12})
    assert not alarms(good)


def test_chance(make_result):
    assert alarms(make_result({"law": "ABCD" * 10})) == [
        "Not shown to be better than guessing (25.0%): Tiny Q8_0 25.0%."
    ]
    assert at_chance(score(make_result({"law": "B" * 40})), 0.25)
    assert not at_chance(score(make_result({"law": "A" * 40})), 0.25)


def test_one_letter(make_result):
    most_are_a = make_result({"law": "A" * 62 + "B" * 38})
    assert alarms(most_are_a) == ["More than 60% of the answers are one letter: Tiny Q8_0 62.0% A."]
    assert not alarms(make_result({"law": "A" * 60 + "B" * 40}))
    assert not alarms(make_result({"law": "A" * 19}))


def test_letter_mass(make_result):
    (alarm,) = alarms(make_result({"law": "AABAC" * 12}, mass=0.31))
    assert alarm == (
        "Less than 50% of the probability lies on the letters, so the prompt style may not suit "
        "the model: Tiny Q8_0 31.0%."
    )


def test_a_mass_that_nobody_measured_is_not_low(make_result):
    assert not alarms(make_result({"law": "AABAC" * 12}, mass=math.nan, read="sample"))


def test_likelihoods_of_texts_have_no_letters(make_result):
    most_are_a = make_result({"law": "A" * 190 + "B" * 10}, read="cloze", mass=math.nan)
    drifted = make_result({"law": "A" * 150 + "B" * 50}, read="cloze", mass=math.nan)
    assert compare(most_are_a, [drifted]).alarms == ()


def test_one_letter_is_the_one_shown(make_result):
    result = make_result({"law": "A" * 40})
    turned = tuple(replace(r, rotation=i % 4) for i, r in enumerate(result.records))
    assert not alarms(replace(result, records=turned))
    always_first = tuple(
        replace(r, rotation=i % 4, letter=i % 4, correct=i % 4 == 0)
        for i, r in enumerate(result.records)
    )
    assert "one letter: Tiny Q8_0 100.0% A." in alarms(replace(result, records=always_first))[1]


def test_partial(make_result):
    result = make_result({"law": "AABAC" * 12})
    records = (replace(result.records[0], partial=True), *result.records[1:])
    (alarm,) = alarms(replace(result, records=records))
    assert alarm.endswith("might have answered otherwise: Tiny Q8_0 1 of 60.")


def test_unread(make_result):
    assert alarms(make_result({"law": "AABAC" * 12 + "??"})) == [
        "Answers that could not be read, and count as wrong: Tiny Q8_0 2 of 62."
    ]


def test_nothing_read_is_chance_and_no_more(make_result):
    silent = make_result({"law": "?" * 30})
    assert len(alarms(silent)) == 2


def test_letter_distance():
    assert letter_distance([10, 0], [0, 5]) == 1
    assert letter_distance([10, 10], [5, 5]) == 0
    assert letter_distance([6, 4], [5, 5]) == pytest.approx(0.1)
    assert letter_distance([0, 0], [5, 5]) == 0


def test_letters_drift(make_result):
    reference = score(make_result({"law": "ABCDA" * 40}))
    drifted = score(make_result({"law": "ABCAA" * 40}, label="Tiny Q2_K"))
    (alarm,) = letter_alarms(reference, drifted)
    assert alarm == (
        "Tiny Q2_K: it spreads its answers over the letters otherwise than Tiny Q8_0 "
        "(total-variation distance 0.200)."
    )
    assert not list(letter_alarms(reference, reference))


def test_few_letters_may_drift(make_result):
    reference = score(make_result({"law": "ABCDA" * 39}))
    drifted = score(make_result({"law": "ABCAA" * 39}))
    assert not list(letter_alarms(reference, drifted))


def test_a_comparison_names_every_model(make_result):
    reference = make_result({"law": "ABCDA" * 40})
    collapsed = make_result({"law": "C" * 200}, label="Tiny Q2_K", mass=0.1)
    comparison = compare(reference, [collapsed])
    assert [a.split(":")[0] for a in comparison.alarms] == [
        "Not shown to be better than guessing (25.0%)",
        "More than 60% of the answers are one letter",
        (
            "Less than 50% of the probability lies on the letters, so the prompt style may not "
            "suit the model"
        ),
        "Tiny Q2_K",
    ]


def test_what_is_said_of_prompts_names_models_where_it_is_not_all(make_result):
    one, other = (make_result({"law": "AABAC" * 12}, label=f"Tiny {q}") for q in ("Q8_0", "Q4_0"))
    one = replace(one, prompts=Prompts((), {}, faults=("BOS twice.",), remarks=("Plain.",)))
    other = replace(other, prompts=Prompts((), {}, remarks=("Plain.",)))
    found = compare(one, [other])
    assert found.alarms == ("Tiny Q8_0: BOS twice.",)
    assert found.remarks == ("Plain.",)
    assert compare(other, [replace(other, prompts=None)]).remarks == ("Tiny Q4_0: Plain.",)
