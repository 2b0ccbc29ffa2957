import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from ggufeval.report import jsonfile
from ggufeval.types import Estimate

GOLDEN = Path(__file__).parent / "golden" / "comparison.json"


def test_golden(comparison):
    assert jsonfile.render(comparison) == GOLDEN.read_text("utf-8")


def test_full_precision(comparison):
    tree = json.loads(jsonfile.render(comparison))
    assert tree["schema"] == 1
    assert tree["models"][3]["difference_micro"] == -54 / 570
    assert tree["models"][0]["difference_micro"] is None
    assert tree["models"][3]["tensor_types"] == {"Q8_0": 8, "IQ4_NL": 62, "Q5_0": 30}


def test_the_schema_is_one(schema):
    schema.check_schema(schema.schema)


COMPARISONS = (
    "comparison", "single", "grouped", "floored", "stopped", "unjudged", "at_chance", "sampled",
    "cloze",
)  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
def test_the_schema_documents_every_key(schema, name, request):
    schema.validate(json.loads(jsonfile.render(request.getfixturevalue(name))))


def test_the_schema_documents_rotations(schema, comparison, rotate):
    schema.validate(json.loads(jsonfile.render(rotate(comparison, 10))))


@pytest.mark.parametrize("place", [(), ("models", 0), ("models", 0, "fingerprint", "engine")])
def test_the_schema_knows_what_it_does_not_document(schema, comparison, place):
    tree = json.loads(jsonfile.render(comparison))
    node = tree
    for step in place:
        node = node[step]
    node["more"] = 1
    assert not schema.is_valid(tree)


def test_strings_are_as_they_were_found(comparison, rename):
    labels = ["\x1b[31m", "=1", "</script>", "\udcff"]
    tree = json.loads(jsonfile.render(rename(comparison, *labels)))
    assert [model["model"] for model in tree["models"]] == labels


def test_what_is_not_finite_is_null(single):
    score = replace(
        single.reference,
        tokens_per_second=math.inf,
        macro=Estimate(math.nan, -math.inf, math.inf),
    )
    model = json.loads(jsonfile.render(replace(single, reference=score)))["models"][0]
    assert model["tokens_per_second"] is None
    assert model["accuracy_macro"] is model["accuracy_macro_low"] is None


def test_a_single_run_and_at_chance(single, at_chance):
    assert len(json.loads(jsonfile.render(single))["models"]) == 1
    assert json.loads(jsonfile.render(at_chance))["reference_at_chance"] is True


def test_ways_of_reading_have_keys_of_their_own(comparison, sampled, cloze, rotate):
    (usual, texts, sums, turned) = (
        json.loads(jsonfile.render(c))["models"][3]
        for c in (comparison, sampled, cloze, rotate(comparison))
    )
    assert (texts.keys() - usual.keys()) == {"n_unparsed", "n_no_choice"}
    assert (texts["n_unread"], texts["n_unparsed"], texts["letter_mass"]) == (12, 9, None)
    assert (sums.keys() - usual.keys()) == {f"accuracy_summed{x}" for x in ("", "_low", "_high")}
    assert sums["accuracy_summed"] == 0.3421 - 3 / 100
    names = [*(f"accuracy_position_{letter}" for letter in "ABCD"), "same_in_all_rotations"]
    assert (turned.keys() - usual.keys()) == {
        f"{name}{x}" for name in names for x in ("", "_low", "_high")
    }
    assert turned["mcnemar_p"] is None


def test_the_fingerprint_has_what_the_way_of_reading_has(comparison, sampled):
    usual, texts = (
        json.loads(jsonfile.render(c))["models"][0]["fingerprint"] for c in (comparison, sampled)
    )
    assert texts.keys() - usual.keys() == {"parser", "temperature", "max_tokens", "seed"}
    assert (texts["parser"], texts["temperature"], texts["seed"]) == ("json", 0.6, 7)


def test_divergences(comparison):
    reference, *_, last = json.loads(jsonfile.render(comparison))["models"]
    assert reference["kld_mean"] is reference["same_answer"] is None
    assert (last["kld_mean"], last["kld_p99"], last["gold_probability_rms"]) == (0.445, 2.21, 0.203)
