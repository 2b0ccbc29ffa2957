"""Texts, from prompt to record, on real weights."""

from __future__ import annotations

import json

import pytest

from ggufeval import runner
from ggufeval.errors import UsageError
from ggufeval.store import Store

PLANS = 0.5
"""Nats: `sample` and `letter` decode in different batches, which moves a Q4_0 model's logits."""


def answers(result):
    return [(r.question_id, r.rotation, r.letter, r.text) for r in result.records]


def test_greedy_sampling_under_the_grammar_gives_the_letter_of_one_pass(evaluate):
    by_letter, by_text = evaluate(), evaluate(read="sample", grammar="letter")
    for one, other in zip(by_letter.records, by_text.records, strict=True):
        assert one.question_id == other.question_id
        assert other.parse_error is None
        # Where a part of an answer is likeliest, a bare space, sampling goes another way.
        assert one.letter == other.letter or one.partial or one.margin < PLANS


def test_under_a_grammar_of_choices_every_answer_is_one(evaluate):
    result = evaluate(read="sample", prompt="json", grammar="choice", temperature=0.6)
    for record, question in zip(result.records, result.questions, strict=True):
        assert record.parse_error is None
        assert json.loads(record.text)["Answer"] == question.choices[record.letter]
        assert record.correct == (record.letter == question.answer)


def test_under_a_grammar_of_json_every_answer_is_json_and_may_be_none(evaluate):
    result = evaluate(read="sample", prompt="json", grammar="json", max_tokens=64)
    for record, question in zip(result.records, result.questions, strict=True):
        if record.parse_error and "it was cut" in record.parse_error:
            continue
        said = json.loads(record.text)["Answer"].lower()
        assert (record.letter is None) == (said not in [c.lower() for c in question.choices])
    assert any(record.parse_error is None for record in result.records)


def test_free_texts_are_kept_and_say_why_they_cannot_be_read(evaluate):
    result = evaluate(read="sample", prompt="json", temperature=0.6, max_tokens=10)
    unread = [record for record in result.records if record.letter is None]
    assert unread
    assert all(r.text and r.parse_error and not r.correct for r in unread)
    assert result.run.fingerprint.parser == "json"


def test_the_words_that_the_prompt_has_begun_are_read_too(evaluate):
    result = evaluate(read="sample", prompt="chat", max_tokens=4)
    read = [record for record in result.records if record.letter is not None]
    assert read
    for record in read:
        assert record.text.lstrip().startswith("ABCD"[record.letter])


def test_another_seed_writes_another_text_and_the_same_one_the_same(
    evaluate, q4_0, few_questions, tmp_path
):
    warm = {"read": "sample", "prompt": "answer-line", "temperature": 0.8, "max_tokens": 8}
    one, other = evaluate(**warm, seed=1), evaluate(**warm, seed=2)
    assert answers(one) != answers(other)
    options = runner.Options(shots=1, n_batch=512, n_ubatch=128, seed=1, **warm)
    with Store.open(tmp_path / "again.sqlite") as store:
        again = store.result(runner.evaluate(q4_0, few_questions, store, options).id)
    assert answers(again) == answers(one)


class Interruption(runner.Silent):
    def advance(self, n_questions: int, n_correct: int, n_tokens: int) -> None:
        raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_with_the_same_texts(
    evaluate, q4_0, few_questions, tmp_path, monkeypatch
):
    warm = {"read": "sample", "prompt": "answer-line", "temperature": 0.8, "max_tokens": 6}
    monkeypatch.setattr("ggufeval.readers.sample._MAX_TEXTS", 12)
    whole = evaluate(**warm)
    assert whole.run.n_batches > 2
    options = runner.Options(shots=1, n_batch=512, n_ubatch=128, **warm)
    with Store.open(tmp_path / "results.sqlite") as store:
        with pytest.raises(KeyboardInterrupt):
            runner.evaluate(q4_0, few_questions, store, options, Interruption())
        (stopped,) = store.runs()
        assert 0 < stopped.n_done < stopped.n_questions
        resumed = runner.evaluate(q4_0, few_questions, store, options)
        assert resumed.id == stopped.id
        assert answers(store.result(resumed.id)) == answers(whole)


def test_a_grammar_that_llama_cpp_cannot_read_is_refused_before_anything_is_stored(
    evaluate, store, tmp_path
):
    own = tmp_path / "own.gbnf"
    own.write_text("root = nothing")
    before = store.runs()
    with pytest.raises(UsageError, match=r"own\.gbnf: llama.cpp cannot take it"):
        evaluate(read="sample", grammar=str(own))
    assert store.runs() == before


def test_a_grammar_of_ones_own(evaluate, tmp_path):
    own = tmp_path / "own.gbnf"
    own.write_text('root ::= " " [A-D]')
    result = evaluate(read="sample", prompt="mmlu", grammar=str(own))
    assert all(record.parse_error is None for record in result.records)


def test_questions_of_all_subjects_generate_together_where_they_share_no_more(evaluate):
    """One question a subject: grouped by subject, 15 of 16 slots would be empty."""
    result = evaluate(read="sample", prompt="answer-line", max_tokens=4)
    assert result.run.fingerprint.engine.n_seq_max == 2 + 16
    assert result.run.n_batches == 1
