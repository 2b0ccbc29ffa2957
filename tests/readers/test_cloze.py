"""Likelihoods of texts, from prompt to record, on real weights."""

from __future__ import annotations

import math

import pytest

from ggufeval.errors import UnsuitableError


@pytest.fixture(scope="module")
def result(evaluate):
    return evaluate(read="cloze")


def test_every_choice_has_its_sum_and_the_likeliest_per_byte_answers(result):
    for record, question in zip(result.records, result.questions, strict=True):
        assert len(record.letter_logits) == len(question.choices)
        assert all(-math.inf < value < 0 for value in record.letter_logits)
        values = [
            value / len(choice.encode())
            for value, choice in zip(record.letter_logits, question.choices, strict=True)
        ]
        # The sums are stored as float32.
        assert values[record.letter] == pytest.approx(max(values), rel=1e-5)


def test_it_knows_more_than_its_letters_show(evaluate, result):
    """What the reading is for: SmolLM2 guesses letters, and not texts."""
    by_letter = sum(record.correct for record in evaluate().records)
    assert sum(record.correct for record in result.records) > by_letter


def test_a_style_of_letters_weighs_the_choices_texts(evaluate):
    result = evaluate(read="cloze", prompt="mmlu")
    assert result.run.fingerprint.prompt_style == "mmlu"
    assert all(max(record.letter_logits) < -0.01 for record in result.records)


def test_a_style_that_goes_through_the_chat_template(evaluate):
    result = evaluate(read="cloze", prompt="chat")
    assert all(max(record.letter_logits) < -0.01 for record in result.records)


def test_a_style_of_another_family_is_refused_here_too(evaluate):
    """Its header tokens would be plain text, and nobody would see it."""
    with pytest.raises(UnsuitableError, match="`meta` needs the control token"):
        evaluate(read="cloze", prompt="meta")


def test_rotations_change_no_prompt_and_so_no_likelihood(evaluate, result):
    """The choices are not in the prompt: what is left is the noise of other batches."""
    rotated = evaluate(read="cloze", permute="cyclic")
    same = 0
    for record in result.records:
        own = [r for r in rotated.records if r.question_id == record.question_id]
        assert [r.rotation for r in own] == [0, 1, 2, 3]
        for other in own:
            assert other.letter_logits == pytest.approx(record.letter_logits, abs=2.0)
            same += other.letter == record.letter
    assert same > 0.8 * len(rotated.records)
