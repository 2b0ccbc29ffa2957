"""What the values know about themselves."""

import dataclasses
import math
from array import array

import pytest

from ggufeval import types
from ggufeval.types import (
    Batch,
    BuildInfo,
    Design,
    EngineSettings,
    Estimate,
    Fingerprint,
    Group,
    Item,
    Plan,
    Prompt,
    Prompts,
    Question,
    QuestionSet,
    Record,
    Span,
)

ONE = Question("q/1", "law", "Which é?", ("a", "b"), 0)
TWO = Question("q/2", "art", "Why?", ("c", "d", "e"), 2)
SETTINGS = EngineSettings(1024, 2048, 512, 34, 4, 0, "on")
BUILD = BuildInfo("0.3.36", "abc", "f" * 64, "AVX2 = 1", ("CPU", "CUDA0"))
FINGERPRINT = Fingerprint(
    "a" * 64, "b" * 64, "c" * 64, "mmlu", 5, "letter", "root ::= [A-D]", SETTINGS, BUILD
)


def sha256(*questions, **fields):
    asked = QuestionSet("mmlu", "embedded", questions, {}, {"law": 1, "art": 1}, Design.FULL)
    return dataclasses.replace(asked, **fields).sha256


# --- values --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [v for v in vars(types).values() if dataclasses.is_dataclass(v)],
    ids=lambda v: v.__name__,
)
def test_every_value_is_frozen_and_slotted(value):
    assert value.__dataclass_params__.frozen
    assert "__dict__" not in dir(value)


def test_there_is_a_letter_for_each_of_ten_choices():
    assert types.LETTERS == "ABCDEFGHIJ"


def test_a_prompts_text_is_that_of_its_spans():
    assert Prompt("q", (Span("a\n", control=True), Span(""), Span(" b")), (" A",)).text == "a\n b"


def test_an_estimate_contains_its_bounds():
    estimate = Estimate(0.5, 0.25, 0.75)
    assert 0.25 in estimate
    assert 0.75 in estimate
    assert 0.2499 not in estimate
    assert 0.7501 not in estimate


# --- questions -----------------------------------------------------------------------------


def test_the_hash_of_questions_stays():
    assert sha256(ONE, TWO) == "79ed330d9acb4ef1d642ed0c2067244e7ab2c3b8baae71d8fb00117f50273eab"


@pytest.mark.parametrize(
    "change",
    [{"id": "q/3"}, {"subject": "t"}, {"stem": "Which e?"}, {"choices": ("b", "a")}, {"answer": 1}],
    ids=lambda change: next(iter(change)),
)
def test_the_hash_changes_with_what_can_change_a_verdict(change):
    assert sha256(dataclasses.replace(ONE, **change), TWO) != sha256(ONE, TWO)


def test_the_hash_changes_with_the_order():
    assert sha256(TWO, ONE) != sha256(ONE, TWO)


def test_the_hash_changes_with_the_number_of_questions():
    assert len({sha256(), sha256(ONE), sha256(ONE, ONE)}) == 3


def test_text_cannot_move_between_choices_unseen():
    one = Question("q", "law", "?", ("a", "b, c"), 0)
    other = Question("q", "law", "?", ("a, b", "c"), 0)
    assert sha256(one) != sha256(other)


def test_the_hash_leaves_out_where_questions_come_from():
    assert sha256(ONE, source="cais/mmlu", seed=7, notes=("one left out",)) == sha256(ONE)


# --- plans ---------------------------------------------------------------------------------


def item(name, *tokens):
    return Item(name, array("i", tokens), 4)


PLAN = Plan(
    (
        Group(
            array("i", [1, 2, 3]), (Batch((item("a", 4), item("b", 5, 6))), Batch((item("c", 7),)))
        ),
        Group(array("i"), (Batch((item("d", 8, 9),)),)),
    )
)


def test_a_plan_counts_its_questions():
    assert PLAN.n_questions == 4


def test_a_plan_counts_its_batches():
    assert PLAN.n_batches == 3


def test_a_plan_counts_each_prefix_once():
    assert PLAN.n_tokens == 3 + 1 + 2 + 1 + 2


def test_a_batch_counts_suffixes_only():
    assert [batch.n_tokens for batch in PLAN.groups[0].batches] == [3, 1]


def test_an_empty_plan_counts_nothing():
    assert (Plan(()).n_questions, Plan(()).n_batches, Plan(()).n_tokens) == (0, 0, 0)


# --- fingerprints --------------------------------------------------------------------------


def test_a_fingerprint_survives_json():
    assert Fingerprint.from_json(FINGERPRINT.to_json()) == FINGERPRINT


def test_the_digest_of_a_fingerprint_stays():
    assert FINGERPRINT.digest == "64c519f6463ae3898e5c829eb2fed429984c6b2696023d403ad57fdacec07ebd"


def test_variables_of_the_environment_are_part_of_the_build():
    build = dataclasses.replace(BUILD, variables=("GGML_CUDA_FORCE_MMQ=1",))
    other = dataclasses.replace(FINGERPRINT, build=build)
    assert other.digest != FINGERPRINT.digest
    assert Fingerprint.from_json(other.to_json()) == other
    assert FINGERPRINT.differences(other) == ("build.variables",)


def test_the_files_own_layout_of_weights_is_another_engine():
    other = dataclasses.replace(FINGERPRINT, engine=dataclasses.replace(SETTINGS, repack=False))
    assert other.digest != FINGERPRINT.digest
    assert Fingerprint.from_json(other.to_json()) == other
    assert FINGERPRINT.differences(other) == ("engine.repack",)


def test_equal_fingerprints_have_equal_digests():
    assert Fingerprint.from_json(FINGERPRINT.to_json()).digest == FINGERPRINT.digest


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(Fingerprint)])
def test_the_digest_changes_with_every_field(name):
    nested = {
        "engine": dataclasses.replace(SETTINGS, n_threads=8),
        "build": dataclasses.replace(BUILD, devices=("CPU",)),
        "shots": 0,
    }
    changed = dataclasses.replace(FINGERPRINT, **{name: nested.get(name, "other")})
    assert changed.digest != FINGERPRINT.digest


def test_equal_fingerprints_do_not_differ():
    assert FINGERPRINT.differences(Fingerprint.from_json(FINGERPRINT.to_json())) == ()


def test_the_models_hash_is_no_difference():
    assert FINGERPRINT.differences(dataclasses.replace(FINGERPRINT, model_sha256="d" * 64)) == ()


def test_differences_are_named_with_dots():
    other = dataclasses.replace(
        FINGERPRINT,
        shots=0,
        engine=dataclasses.replace(SETTINGS, n_ctx=512, type_v="q8_0"),
        build=dataclasses.replace(BUILD, devices=("CPU",)),
    )
    expected = ("shots", "engine.n_ctx", "engine.type_v", "build.devices")
    assert FINGERPRINT.differences(other) == expected
    assert other.differences(FINGERPRINT) == expected


# --- records -------------------------------------------------------------------------------


def test_log_probabilities_are_logits_minus_the_log_of_their_sum():
    record = Record("r", "q", 0, 1, True, (1.5, 3.0, -math.inf), 4.0, 0.5, 1.5, 7, 3.0, 90)
    assert record.letter_logprobs == (-2.5, -1.0, -math.inf)


def test_a_record_without_logits_has_no_log_probabilities():
    record = Record("r", "q", 0, None, False, (), math.nan, math.nan, math.nan, 7, 3.0, 90)
    assert record.letter_logprobs == ()


def test_prompts_share_whole_lines_inside_a_group():
    texts = {
        ("law", ("l/1", 0)): "Law.\nQ: Who?\nA:",
        ("law", ("l/1", 1)): "Law.\nQ: Who?\nB:",
        ("law", ("l/2", 0)): "Law.\nQ: Why?\nA:",
        ("art", ("a/1", 0)): "Art.\nQ: Who?\nA:",
        ("odd", ("o/1", 0)): "one",
        ("odd", ("o/2", 0)): "on",
    }
    prompts = Prompts.of((group, key, text) for (group, key), text in texts.items())
    assert prompts.shared == ("Law.\n", "")
    assert prompts.rest["l/2", 0] == (0, "Q: Why?\nA:")
    assert {key: prompts.text(*key) for _, key in texts} == {
        key: text for (_, key), text in texts.items()
    }
    assert prompts.text("l/2", 1) is None
