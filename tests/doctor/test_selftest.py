from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ggufeval import runner, tasks
from ggufeval.doctor import selftest
from ggufeval.errors import WorkerError
from ggufeval.llama.client import ModelProcess
from ggufeval.types import LetterScores, Record

STEPS = ("40 embedded", "the same run twice", "-t 1", "interrupted after 2 of 4", "flip floor")


def record(name: str, *logits: float, logsumexp: float = 5.0) -> Record:
    best = max(range(len(logits)), key=logits.__getitem__)
    return Record(
        run_id="",
        question_id=name,
        rotation=0,
        letter=best,
        correct=True,
        letter_logits=logits,
        logsumexp=logsumexp,
        letter_mass=0.5,
        margin=0.1,
        top_token=1,
        top_logit=4.0,
        n_tokens=9,
    )


FIRST = {"a": record("a", 1.0, 2.0), "b": record("b", 3.0, 1.0)}


# --- a real model ---


@pytest.fixture(scope="module")
def tested(q4_0):
    said: list[str] = []
    return list(selftest.findings(q4_0, say=said.append)), said


def test_what_is_promised_holds(tested):
    findings, said = tested
    assert [finding.status for finding in findings] == 6 * ["ok"]
    assert len(said) == 6
    for finding in findings[1:4]:
        assert (finding.facts["equal"], finding.facts["of"]) == (40, 40)
        assert finding.facts["moved_nats"] == 0
        assert finding.text.endswith("40 of 40 answers are equal to the bit")
    assert all(begin in f.text for begin, f in zip(STEPS, findings[:5], strict=True))


def test_the_floor_and_the_oracle(tested):
    floor, oracle = tested[0][4:]
    assert 30 <= floor.facts["of"] <= 40
    assert 0 <= floor.facts["flips"] <= floor.facts["of"] // 4
    assert floor.facts["low"] <= floor.facts["share"] <= floor.facts["high"]
    assert 0 < floor.facts["moved_nats"] < 2
    assert oracle.facts["differ"] == []
    assert 6 <= oracle.facts["of"] <= 8
    assert oracle.facts["equal"] == oracle.facts["of"]
    assert oracle.facts["equal_in_batches"] >= oracle.facts["of"] // 2


def test_a_build_that_is_not_its_own_equal_is_found(q4_0, monkeypatch):
    """Every second run of the model answers with other floats."""
    score = ModelProcess.score
    runs = itertools.count()

    def noisy(*arguments, **options):
        shift = 0.25 * (next(runs) % 2)
        for batch in score(*arguments, **options):
            moved = (replace(s, logits=(s.logits[0] + shift, *s.logits[1:])) for s in batch.values)
            yield replace(batch, values=tuple(moved))

    monkeypatch.setattr(ModelProcess, "score", noisy)
    monkeypatch.setattr(selftest, "A_SUBJECT", 2)
    monkeypatch.setattr(selftest, "_oracle", lambda *_, **__: None)
    twice = list(itertools.islice(selftest.findings(q4_0), 2))[1]
    assert twice.is_wrong
    assert twice.facts["equal"] == 0
    assert twice.facts["moved_nats"] == pytest.approx(0.25)


def test_an_oracle_that_dies_is_a_finding(q4_0, monkeypatch, tmp_path):
    def die(*_):
        raise WorkerError("the model's process died (exit status -11): it left no message.")

    monkeypatch.setattr(ModelProcess, "oracle", die)
    monkeypatch.setattr(selftest, "N_ORACLE", 1)
    questions = tasks.load("sample", None, subjects=("anatomy",), limit=2, shots=1)
    trial = selftest._Trial(q4_0, questions, tmp_path, runner.Silent(), selftest._OPTIONS)
    run, first = trial.run("first")
    finding = selftest._oracle(trial, run, first, is_promised=True)
    assert finding.is_wrong
    assert finding.text.endswith("the model's process died (exit status -11): it left no message.")


# --- what is made of it ---


def test_equal_to_the_bit():
    finding = selftest.same_bits("twice", FIRST, dict(FIRST), is_promised=True)
    assert finding.status == "ok"
    assert finding.text == "twice: 2 of 2 answers are equal to the bit"


def test_another_sum_over_the_vocabulary_is_another_answer():
    other = FIRST | {"a": record("a", 1.0, 2.0, logsumexp=5.000001)}
    finding = selftest.same_bits("twice", FIRST, other, is_promised=True)
    assert finding.is_wrong
    assert (finding.facts["equal"], finding.facts["other_letters"]) == (1, 0)


@pytest.mark.parametrize(("is_promised", "status"), [(True, "wrong"), (False, "note")])
def test_other_bits(is_promised, status):
    other = FIRST | {"a": record("a", 2.5, 2.0)}
    finding = selftest.same_bits("twice", FIRST, other, is_promised=is_promised)
    assert finding.status == status
    assert "1 of 2 answers" in finding.text
    assert "by up to 1.5000 nats, 1 letter is another" in finding.text


def scores(name: str, *logits: float, partial: float = -9.0) -> LetterScores:
    return LetterScores(name, logits, 0.5, 5.0, 1, 4.0, partial_logit=partial)


OURS = {"a": scores("a", 1.0, 2.0), "b": scores("b", 3.0, 1.0)}


def test_the_letters_of_the_oracle():
    finding = selftest.agreement(OURS, {"a": "B", "b": "A"}, FIRST, is_promised=True)
    assert finding.status == "ok"
    assert "2 of 2 letters are ours, one prompt at a time; 2 in the run's batches" in finding.text


@pytest.mark.parametrize(("is_promised", "status"), [(True, "wrong"), (False, "note")])
def test_a_letter_that_differs(is_promised, status):
    theirs = {"a": "A", "b": "A"}
    finding = selftest.agreement(OURS, theirs, FIRST, is_promised=is_promised)
    assert finding.status == status
    assert finding.facts["differ"] == ["a"]
    assert ("a differ" in finding.text) == is_promised


def test_batches_may_differ_from_it():
    batched = FIRST | {"a": record("a", 2.1, 2.0)}
    finding = selftest.agreement(OURS, {"a": "B", "b": "A"}, batched, is_promised=True)
    assert finding.status == "ok"
    assert finding.facts["equal_in_batches"] == 1


def test_an_answer_that_begins_with_a_bare_space_is_left_out():
    ours = OURS | {"a": scores("a", 1.0, 2.0, partial=2.5)}
    finding = selftest.agreement(ours, {"a": "A", "b": "A"}, FIRST, is_promised=True)
    assert finding.status == "ok"
    assert (finding.facts["equal"], finding.facts["of"]) == (1, 1)
    assert "(1 left out, where an answer begins with a bare space)" in finding.text


def test_without_a_question_behind_others_there_is_no_floor(q4_0, tmp_path):
    questions = tasks.load("sample", None, subjects=("anatomy",), limit=1, shots=1)
    trial = selftest._Trial(q4_0, questions, tmp_path, runner.Silent(), selftest._OPTIONS)
    run, _ = trial.run("first")
    assert selftest._floor(trial, run).status == "note"
