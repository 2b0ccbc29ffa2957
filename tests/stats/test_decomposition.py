"""Weights or arithmetic: the parts of a loss, on answers that can be counted by hand."""

from dataclasses import replace

import pytest

from ggufeval.stats import compare
from ggufeval.stats.paired import mover
from ggufeval.types import Design


def result(make_result, answers, name, dequantized_from="", **settings):
    made = make_result(answers, label=name, **settings)
    model = replace(made.run.model, dequantized_from=dequantized_from)
    return replace(made, run=replace(made.run, id=name, model=model))


def test_a_loss_is_that_of_the_weights_and_that_of_the_arithmetic(make_result):
    reference = result(make_result, {"law": "AAAAB"}, "F16")
    level = result(make_result, {"law": "ABBBA"}, "Q4_0")
    written = result(make_result, {"law": "AABBB"}, "Q4_0 as F32", "Q4_0")
    (found,) = compare(reference, [level, written]).decompositions
    assert (found.run_id, found.dequantized_id) == ("Q4_0", "Q4_0 as F32")
    assert found.total.micro == mover([3], [1], [5], [1.0])
    assert found.weights.micro == mover([2], [0], [5], [1.0])
    assert found.arithmetic.micro == mover([1], [1], [5], [1.0])
    assert (found.arithmetic.lost, found.arithmetic.won) == (1, 1)


def test_micro_and_macro_add_up_where_subjects_have_weights(make_result):
    how = {"design": Design.STRATIFIED, "population": {"law": 30, "art": 10}}
    runs = [
        result(make_result, {"law": law, "art": art}, name, source, **how)
        for law, art, name, source in (
            ("AAAB", "ABAB", "F16", ""),
            ("ABBA", "BBAA", "Q4_0", ""),
            ("AABB", "AAAA", "written", "Q4_0"),
        )
    ]
    (found,) = compare(runs[0], runs[1:]).decompositions
    for mean in ("micro", "macro"):
        total, *parts = (
            getattr(d, mean).value for d in (found.total, found.weights, found.arithmetic)
        )
        assert total == pytest.approx(sum(parts), abs=1e-12)
    assert found.total.micro.value != pytest.approx(found.total.macro.value)


def test_written_out_weights_are_a_candidate_like_any_other(make_result):
    reference = result(make_result, {"law": "A" * 30 + "B" * 10}, "F16")
    level = result(make_result, {"law": "A" * 28 + "B" * 12}, "Q4_0")
    written = result(make_result, {"law": "A" * 29 + "B" * 11}, "written", "Q4_0")
    alone = compare(reference, [level]).candidates[0].judgement
    beside = compare(reference, [level, written]).candidates
    assert len(beside) == 2
    assert beside[0].judgement.interval.level == pytest.approx(0.95)
    assert alone.interval.level == pytest.approx(0.9)


def test_two_pairs_of_one_level_and_none_without_it(make_result):
    reference = result(make_result, {"law": "AB"}, "F16")
    level = result(make_result, {"law": "AB"}, "Q4_0")
    as_f32 = result(make_result, {"law": "AB"}, "as F32", "Q4_0")
    as_f16 = result(make_result, {"law": "AB"}, "as F16", "Q4_0")
    found = compare(reference, [as_f32, level, as_f16]).decompositions
    assert [pair.dequantized_id for pair in found] == ["as F32", "as F16"]
    assert compare(reference, [as_f32, as_f16]).decompositions == ()
    assert compare(level, [as_f32, reference]).decompositions == ()
