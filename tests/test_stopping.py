"""Sweeps that end early, on real weights."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ggufeval import making, runner, stopping, tasks, tuning
from ggufeval.catalog.resolve import resolve
from ggufeval.errors import UsageError
from ggufeval.stats import compare
from ggufeval.store import Store
from ggufeval.tasks import rounds
from ggufeval.types import RunStatus, Verdict

OPTIONS = runner.Options(shots=1, n_batch=256, n_ubatch=128)
GUESSES = stopping._guesses
RULE = stopping.UntilVerdict(margin=0.5, alpha=0.4)


class Interruption(runner.Silent):
    def __init__(self, n_batches: int) -> None:
        self.left = n_batches

    def advance(self, n_questions: int, n_correct: int, n_tokens: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def _not_at_chance(monkeypatch):
    """SmolLM2 guesses: what is held here is the way, not the finding."""
    monkeypatch.setattr(stopping, "_guesses", lambda *_: False)


@pytest.fixture
def questions():
    """Five rounds of eight."""
    made = rounds.until_verdict(tasks.load("sample", None, sample=40, shots=1), 0)
    return replace(made, rounds=(8,) * 5)


@pytest.fixture
def levels(small):
    return making.levels([resolve(str(small(name))) for name in ("F16", "Q4_0")])


def records(store, run_id):
    return [(r.question_id, r.letter_logits) for r in store.result(run_id).records]


def test_a_level_stops_at_its_verdict_and_the_reference_with_it(levels, questions, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        outcome = stopping.sweep(levels, questions, store, OPTIONS, rule=RULE)
        reference, level = outcome.runs
        assert reference.model.quantization == "F16"
        assert reference.n_done == level.n_done < 40
        assert reference.n_done % 8 == 0
        assert {run.status for run in outcome.runs} == {RunStatus.STOPPED}
        assert store.latest() == outcome.runs
        c = compare(store.result(reference.id), [store.result(level.id)], margin=0.5, alpha=0.4)
        judgement = c.candidates[0].judgement
        assert c.reference_at_chance or judgement.verdict is Verdict.WITHIN


def test_interrupted_anywhere_it_ends_with_the_same_bits(levels, questions, tmp_path):
    with Store.open(tmp_path / "a.sqlite") as store:
        runs = stopping.sweep(levels, questions, store, OPTIONS, rule=RULE).runs
        undisturbed = [records(store, run.id) for run in runs]
        n_batches = sum(len(store.done_batches(run.id)) for run in runs)
    for after in (1, n_batches // 2 + 1):
        with Store.open(tmp_path / f"{after}.sqlite") as store:
            with pytest.raises(KeyboardInterrupt):
                stopping.sweep(
                    levels, questions, store, OPTIONS, rule=RULE, progress=Interruption(after)
                )
            again = stopping.sweep(levels, questions, store, OPTIONS, rule=RULE).runs
            assert [records(store, run.id) for run in again] == undisturbed


def test_a_smaller_margin_goes_on_where_the_larger_one_stopped(levels, questions, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        first = stopping.sweep(levels, questions, store, OPTIONS, rule=RULE).runs
        strict = replace(RULE, margin=0.001, alpha=0.001)
        second = stopping.sweep(levels, questions, store, OPTIONS, rule=strict).runs
        assert [run.id for run in second] == [run.id for run in first]
        assert second[1].n_done == second[0].n_done > first[0].n_done


def test_a_budget_is_asked_of_the_levels_alone(levels, tmp_path):
    made = rounds.within_budget(tasks.load("sample", None, sample=24, shots=1), 8, 0)
    with Store.open(tmp_path / "results.sqlite") as store:
        reference, level = stopping.sweep(levels, made, store, OPTIONS, rule=stopping.Budget()).runs
        assert (reference.n_done, level.n_done) == (24, 8)
        assert (reference.status, level.status) == (RunStatus.DONE, RunStatus.STOPPED)


def test_a_reference_at_chance_ends_it(levels, questions, tmp_path, monkeypatch):
    monkeypatch.setattr(stopping, "ENOUGH", 8)
    monkeypatch.setattr(stopping, "_guesses", GUESSES)
    said = []
    with Store.open(tmp_path / "results.sqlite") as store:
        rule = replace(RULE, margin=0.0)
        runs = stopping.sweep(levels, questions, store, OPTIONS, rule=rule, say=said.append).runs
    assert said[-1].endswith("stopped, since the reference is at chance.")
    assert runs[1].n_done < 40


def test_the_references_failure_is_not_a_levels(levels, questions, tmp_path, monkeypatch):
    advance = runner.Session.advance

    def fail(session, n_batches=None):
        if session.run.model.quantization == "F16" and n_batches != session.plan.stops[0]:
            session._process._process.kill()
            session._process._process.join()
        advance(session, n_batches)

    monkeypatch.setattr(runner.Session, "advance", fail)
    rule = replace(RULE, margin=0.0, alpha=0.001)
    with Store.open(tmp_path / "results.sqlite") as store:
        outcome = stopping.sweep(levels, questions, store, OPTIONS, rule=rule)
        assert outcome.runs == ()
        assert [failure.label for failure in outcome.failures] == ["SmolLM2-135M-Instruct F16"]
        assert [run.model.quantization for run in store.latest()] == ["F16"]
        assert store.latest()[0].status is RunStatus.RUNNING


def test_one_file_under_two_names_is_asked_once(levels, questions, tmp_path):
    said = []
    with (
        Store.open(tmp_path / "results.sqlite") as store,
        pytest.raises(UsageError, match="one file"),
    ):
        stopping.sweep(
            [levels[0], levels[0]], questions, store, OPTIONS, rule=RULE, say=said.append
        )
    assert "the same file as" in said[0]


def test_one_level_has_nothing_to_be_compared_with(levels, questions, tmp_path):
    with Store.open(tmp_path / "results.sqlite") as store:
        with pytest.raises(UsageError, match="Two levels at least"):
            stopping.sweep(levels[:1], questions, store, OPTIONS, rule=RULE)
        with pytest.raises(UsageError, match="one of the levels was expected"):
            stopping.sweep(levels, questions, store, OPTIONS, rule=RULE, reference="Q9")


def test_rotations_are_refused(levels, questions, tmp_path):
    options = replace(OPTIONS, permute="cyclic")
    with (
        Store.open(tmp_path / "results.sqlite") as store,
        pytest.raises(UsageError, match="may end early asks each question once"),
    ):
        stopping.sweep(levels, questions, store, options, rule=RULE)


def test_all_levels_are_tuned_together(levels, questions, tmp_path, monkeypatch):
    def tuned(_options, models, *_):
        raise UsageError(" ".join(model.parts[0].name for model in models()))

    monkeypatch.setattr(tuning, "tuned", tuned)
    with Store.open(tmp_path / "x.sqlite") as store, pytest.raises(UsageError) as caught:
        stopping.sweep(levels[::-1], questions, store, OPTIONS, rule=RULE)
    assert str(caught.value) == " ".join(level.source.path.name for level in levels)
