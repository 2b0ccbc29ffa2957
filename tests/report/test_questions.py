"""What the page's browser of questions is given."""

import gzip
import json
import math
from base64 import b64decode
from dataclasses import replace

import pytest

from ggufeval.report.questions import fitting, questions
from ggufeval.types import Prompts


def unpacked(text):
    return json.loads(gzip.decompress(b64decode(text)))


def test_columns(comparison, results):
    tree = questions(comparison, results)
    n = len(results[0].questions)
    assert {len(tree[key]) for key in ("ids", "subject", "stems", "choices", "gold")} == {n}
    assert [model["name"] for model in tree["models"]] == ["F16", "Q8_0", "Q4_K_M†", "Q2_K*"]
    place = tree["ids"].index("mmlu/test/anatomy/7")
    assert tree["subjects"][tree["subject"][place]] == "anatomy"
    assert tree["gold"][place] == 2
    assert "".join(model["answers"][place] for model in tree["models"]) == "CCBA"
    place = tree["ids"].index("mmlu/test/virology/0")
    assert tree["models"][3]["answers"][place] == "-"
    assert unpacked(fitting(tree, 10**6)[0]) == tree


def test_without_the_references_answers_there_is_nothing(comparison, results):
    assert questions(comparison, ()) is None
    assert questions(comparison, results[1:]) is None


def test_a_question_that_a_level_was_not_asked(comparison, results):
    results[1] = replace(results[1], records=results[1].records[1:])
    model = questions(comparison, results)["models"][1]
    assert model["answers"][0] == " "
    assert model["margins"][0] is model["shares"][0] is None


def test_shares_are_the_letters_alone(comparison, results):
    first = replace(
        results[0].records[0],
        letter_logits=tuple(math.log(x) for x in (0.1, 0.2, 0.05, 0.15)),
        margin=0.2877,
    )
    results[0] = replace(results[0], records=(first, *results[0].records[1:]))
    model = questions(comparison, results)["models"][0]
    assert model["shares"][0] == [20, 40, 10, 30]
    assert model["margins"][0] == 29
    nothing = replace(first, letter_logits=(-math.inf,) * 4, margin=math.nan)
    results[0] = replace(results[0], records=(nothing, *results[0].records[1:]))
    model = questions(comparison, results)["models"][0]
    assert model["shares"][0] is model["margins"][0] is None


def test_texts_and_why_they_could_not_be_read(sampled, results):
    first = replace(results[0].records[0], text="I\x1b[1m think", parse_error="unparsed: no letter")
    run = replace(results[0].run, fingerprint=replace(results[0].run.fingerprint, read="sample"))
    results[0] = replace(results[0], run=run, records=(first, *results[0].records[1:]))
    model = questions(sampled, results)["models"][0]
    assert model["texts"][0] == "I\\x1b[1m think\n(unparsed: no letter)"
    assert "shares" not in model
    assert "margins" not in model


def test_what_does_not_fit_is_left_out_and_said(comparison, results):
    tree = questions(comparison, results)
    whole, left_out = fitting(tree, 10**6)
    assert left_out == ""
    less, left_out = fitting(tree, len(whole) - 1)
    assert "probabilities" in left_out
    assert "shares" not in unpacked(less)["models"][0]
    assert fitting(tree, 10) == ("", "all single questions")


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "\ud800", "\u202e"])
def test_hostile_texts_cannot_end_the_element(comparison, results, text):
    question = replace(results[0].questions[0], stem=text, choices=(text,) * 4)
    results[0] = replace(results[0], questions=(question, *results[0].questions[1:]))
    packed, _ = fitting(questions(comparison, results), 10**6)
    assert set(packed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


def test_what_was_sent_where_it_is_known(comparison, results):
    first, *others = results[0].questions
    rest = f"{first.stem}\nA. {first.choices[0]}\nB. {first.choices[1]}\n\x1b[1mA:"
    prompts = Prompts(("Q: 1\n",), {(first.id, 0): (0, rest), (first.id, 1): (0, "B:")})
    results[0] = replace(results[0], prompts=prompts)
    tree = questions(comparison, results)
    assert tree["prompts"] == {
        "shared": ["Q: 1\n"],
        "of": [(0, "\0s\nA. \0000\nB. \0001\n\\x1b[1mA:"), *(None for _ in others)],
    }
    less, left_out = fitting(tree, len(fitting(tree, 10**6)[0]) - 1)
    assert (left_out, "prompts" in unpacked(less)) == ("the prompts", False)
