"""Records beside records, conditions beside conditions."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ggufeval.bundle.comparing import Difference, Outcome, causes, compared, differences
from ggufeval.bundle.contents import BundledRecord
from ggufeval.bundle.verifying import verify

RECORD = BundledRecord(
    "q", 0, 0, 1, True, (1.0, 2.0, -math.inf), 3.0, 0.5, 1.0, 7, 2.5, 40, False, None, None, None
)  # fmt: skip
WROTE = replace(
    RECORD, letter_logits=(), logsumexp=math.nan, margin=math.nan, text="B", text_sha256="b" * 64
)


def test_equal_records_are_identical_nan_and_infinity_too():
    other = replace(RECORD, question_id="r", batch=5)
    outcome, n, move, flips = compared([RECORD, other], [other, RECORD])
    assert (outcome, n, move, flips) == (Outcome.IDENTICAL, 2, 0.0, ())
    outcome, n, move, flips = compared([WROTE], [replace(WROTE, text=None)])
    assert (outcome, n, flips) == (Outcome.IDENTICAL, 1, ())
    assert math.isnan(move)


@pytest.mark.parametrize(
    ("change", "move"),
    [
        ({"letter_logits": (1.0, 2.5, -math.inf)}, 0.5),
        ({"letter_logits": (1.0, 2.0, 0.0)}, math.inf),
        ({"logsumexp": 3.0000001}, 0.0),
        ({"top_token": 8}, 0.0),
        ({"text_sha256": "a" * 64}, 0.0),
    ],
)
def test_any_other_number_is_no_longer_identical(change, move):
    outcome, n, found, flips = compared([RECORD], [replace(RECORD, **change)])
    assert (outcome, n, found, flips) == (Outcome.LETTERS, 0, move, ())


def test_another_letter_is_a_flip_with_both_margins():
    outcome, n, _, (flip,) = compared([RECORD], [replace(RECORD, letter=None, margin=0.25)])
    assert (outcome, n) == (Outcome.DIFFERS, 0)
    assert (flip.before, flip.now, flip.margin_before, flip.margin_now) == (1, None, 1.0, 0.25)


def test_conditions_that_differ_are_told_with_what_they_mean(study):
    mine = verify(study).runs[0].run.fingerprint
    build = replace(mine.build, system_info="CPU : AVX2 = 1 | FMA = 1 | ", devices=())
    mine = replace(mine, build=build)
    other = replace(build, system_info="CPU : AVX2 = 1 | AVX512 = 1 | ", devices=("GPU",))
    found = differences(mine, replace(mine, build=other, model_sha256="0" * 64))
    assert found == (
        Difference("build.system_info", "FMA = 1", "AVX512 = 1"),
        Difference("build.devices", "none", "GPU"),
    )
    assert causes(found) == (
        "another processor, or other instructions of it in use",
        "other devices",
    )
    assert causes([Difference("shots", "5", "0")]) == ("shots",)
    assert causes(differences(mine, mine)) == ()
