"""The study's rungs: which they are, how they are run, and on which models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ggufeval import ladder, runner
from ggufeval.catalog.files import file_sha256
from ggufeval.errors import StoreError, UsageError, WorkerError
from ggufeval.store import Store

OPTIONS = runner.Options(n_batch=512, n_ubatch=128, seed=7)


def rung(number):
    return next(rung for rung in ladder.RUNGS if rung.number == number)


def few(questions, n=2):
    return replace(questions, questions=questions.questions[:n])


# --- which they are ---


def test_the_rungs_are_the_studys():
    """As in the study's own table; the decoding from its code."""
    assert [
        (r.number, r.style, r.temperature, r.max_tokens, r.published and r.published.micro)
        for r in ladder.RUNGS
    ] == [
        (1, "answer-line", 0.6, 10, 0.213),
        (2, "json", 0.6, 10, 0.157),
        (3, "json", 0.1, 256, 0.305),
        (4, "json", 0.6, 256, 0.357),
        (5, "json-final", 0.1, 64, 0.363),
        (6, "json-subject", 0.1, 20, 0.371),
        (7, "meta-system", 0.0, 10, 0.429),
        (8, "meta", 0.0, 0, None),
    ]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (None, [1, 2, 3, 4, 5, 6, 7, 8]),
        ("2", [2]),
        ("7,1", [1, 7]),
        ("1-3, 8", [1, 2, 3, 8]),
    ],
)
def test_rungs_by_number(text, numbers):
    assert [rung.number for rung in ladder.rungs(text)] == numbers


@pytest.mark.parametrize("text", ["", "0", "9", "1-9", "a", "1;2", "-", "3-1", "1,3-2", "-1", "1-"])
def test_what_is_no_rung_is_refused(text):
    with pytest.raises(
        UsageError, match=r"^--rungs .*(there are rungs 1 to 8|as in 1,2,7|has none; say)"
    ):
        ladder.rungs(text)


# --- how they are run ---


def test_a_rung_of_texts_is_generated_freely_and_under_its_own_grammar():
    free, constrained = ladder.settings(rung(2), "json", OPTIONS)
    assert (free.prompt, free.read, free.grammar) == ("json", "sample", "none")
    assert (free.temperature, free.max_tokens, free.seed) == (0.6, 10, 7)
    assert replace(constrained, grammar="none", max_tokens=10) == free
    assert constrained.grammar == "choice"
    assert constrained.max_tokens > 256  # it ends by itself


def test_rung_7_is_greedy_and_its_grammar_is_a_letter():
    free, constrained = ladder.settings(rung(7), "meta-system", OPTIONS)
    assert (free.read, free.temperature, free.max_tokens) == ("sample", 0.0, 10)
    assert constrained == replace(OPTIONS, prompt="meta-system")
    assert constrained.read == "letter"


def test_rung_8_is_a_letter_alone():
    assert ladder.settings(rung(8), "chat", OPTIONS) == (None, replace(OPTIONS, prompt="chat"))


# --- on models ---


class Nothing(runner.Silent):
    """Progress of runs that must not run."""

    def start(self, *_: object) -> None:
        raise AssertionError


def test_outside_llama_3_rung_7_is_not_there_and_rung_8_is_chat(q4_0, few_questions, tmp_path):
    questions, chosen, said = few(few_questions), ladder.rungs("2,7,8"), []
    with Store.open(tmp_path / "results.sqlite") as store:
        found = list(ladder.climb(q4_0, questions, store, OPTIONS, chosen, say=said.append))
        again = list(ladder.climb(q4_0, questions, store, OPTIONS, chosen, progress=Nothing()))
    assert found == again
    two, seven, eight = found
    assert (two.style, two.free.n_done, two.constrained.n_done) == ("json", 2, 2)
    assert (seven.free, seven.constrained) == (None, None)
    assert seven.unavailable.startswith(
        "the prompt style `meta-system` needs the control token <|start_header_id|>"
    )
    assert "--prompt" not in seven.unavailable  # an option that the ladder does not have
    assert (eight.style, eight.free, eight.unavailable) == ("chat", None, "")
    assert eight.constrained.fingerprint.prompt_style == "chat"
    assert said[:2] == ["Rung 2, json, as studied", "Rung 2, json, under the grammar"]


def test_on_llama_3_every_rung_is_there(llama3_tiny, few_questions, tmp_path):
    model = runner.ModelFiles((llama3_tiny,), file_sha256(llama3_tiny))
    with Store.open(tmp_path / "results.sqlite") as store:
        found = list(ladder.climb(model, few(few_questions), store, OPTIONS, ladder.RUNGS))
        assert [one.unavailable for one in found] == [""] * 8
        assert [one.style for one in found] == [rung.style for rung in ladder.RUNGS]
        for one in found:
            assert one.constrained.n_done == 2
            records = store.result(one.constrained.id).records
            assert all(record.parse_error is None for record in records)
        assert [one.free is None for one in found] == [False] * 7 + [True]
        # Rungs 2 and 4 differ in their length alone, which a grammar ends.
        assert found[1].constrained == found[3].constrained


def test_a_model_without_a_chat_template_has_the_last_rung_alone(tmp_path, few_questions, smollm2):
    bare = tmp_path / "bare.gguf"
    data = smollm2.read_bytes()
    assert data.count(b"tokenizer.chat_template") == 1
    bare.write_bytes(data.replace(b"tokenizer.chat_template", b"tokenizer.chat_nothing!"))
    model = runner.ModelFiles((bare,), file_sha256(bare))
    with Store.open(tmp_path / "results.sqlite") as store:
        found = list(ladder.climb(model, few(few_questions), store, OPTIONS, ladder.rungs("1,8")))
    assert all("needs a chat template" in one.unavailable for one in found)


def test_a_rung_that_fails_keeps_what_is_finished_and_the_others_go_on(
    q4_0, few_questions, tmp_path, monkeypatch
):
    evaluate = runner.evaluate

    def fail(model, questions, store, options, progress=None):
        if options.prompt == "json" and options.grammar == "choice":
            raise WorkerError("the model's process died.")
        return evaluate(model, questions, store, options, progress)

    monkeypatch.setattr(runner, "evaluate", fail)
    with Store.open(tmp_path / "results.sqlite") as store:
        two, eight = ladder.climb(q4_0, few(few_questions), store, OPTIONS, ladder.rungs("2,8"))
    assert two.free.n_done == 2
    assert (two.constrained, two.unavailable) == (None, "")
    assert str(two.failure) == "the model's process died."
    assert eight.constrained.n_done == 2


def test_a_question_that_no_prompt_can_hold_is_no_fault_of_the_model(q4_0, few_questions, tmp_path):
    """Rung 8 does not take another style's place for it."""
    first = replace(few_questions.questions[0], stem="\ufdd0")
    questions = replace(few_questions, questions=(first,))
    with Store.open(tmp_path / "results.sqlite") as store:
        (one,) = ladder.climb(q4_0, questions, store, OPTIONS, ladder.rungs("1"))
    assert one.unavailable == ""
    assert first.id in str(one.failure)


def test_a_store_that_fails_ends_it(q4_0, few_questions, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        store.close()
        with pytest.raises(StoreError):
            list(ladder.climb(q4_0, few(few_questions), store, OPTIONS, ladder.rungs("8")))
