"""Forecasts beside a database that has runs: what is finished, what is begun."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ggufeval import forecast as module
from ggufeval import plan, runner, sweep
from ggufeval.catalog.resolve import resolve
from ggufeval.forecast import forecast
from ggufeval.forecast.study import n_left
from ggufeval.llama.client import ModelProcess
from ggufeval.store import Store
from ggufeval.types import Pace, Plan, Record, Surety

OPTIONS = runner.Options(shots=1)


def record(question):
    return Record("", question.id, 0, 0, False, (1.0, 0, 0, 0), 2.0, 0.9, 1.0, 1, 1.0, 10)


@pytest.fixture
def begun(smollm2, few_questions, tmp_path):
    """A database in which half of SmolLM2's batches are stored, and the run's plan."""
    (source,) = resolve(str(smollm2)).sources
    levels = (sweep.Level(source),)
    with Store.open(tmp_path / "results.sqlite") as store:
        with ModelProcess() as process:
            files = sweep.files_of(levels[0], None, print)
            run, work = runner.preview(process, files, few_questions, OPTIONS)
        run_id = store.begin(run, few_questions.questions)
        links, asked = plan.chain(work.plan), plan.by_batch(work.plan, work.questions)
        for i in range(0, len(asked), 2):
            records = [record(question) for question in asked[i]]
            store.add_batch(run_id, i, links[i], records, n_tokens=50, seconds=0.5)
        yield levels, few_questions, store, run_id, work.plan


def foresee(levels, questions, store, options=OPTIONS):
    found = forecast(levels, questions, store, options, margin=0.01, alpha=0.05)
    (family,) = found.families
    (level,) = family.levels
    return family, level


def test_a_run_that_is_begun_needs_what_is_left(begun):
    levels, questions, store, run_id, the_plan = begun
    family, level = foresee(levels, questions, store)
    assert (level.run_id, level.is_finished) == (run_id, False)
    assert family.n_tokens == the_plan.n_tokens
    assert family.tokens_surety is Surety.EXACT
    assert level.n_tokens == n_left(the_plan, range(0, the_plan.n_batches, 2))
    assert 0 < level.n_tokens < the_plan.n_tokens
    assert level.pace == Pace(100.0, run_id)
    assert level.seconds == pytest.approx(level.n_tokens / 100)
    assert level.memory_surety is Surety.EXACT
    assert level.memory_bytes > level.size_bytes
    assert family.detectable == ()


def test_a_run_that_is_finished_needs_nothing_unless_it_is_forced(begun, monkeypatch):
    levels, questions, store, run_id, the_plan = begun
    store.finish(run_id)
    _, level = foresee(levels, questions, store)
    assert (level.run_id, level.is_finished) == (run_id, True)
    assert (level.n_tokens, level.seconds) == (0, 0.0)
    _, again = foresee(levels, questions, store, replace(OPTIONS, force=True))
    assert (again.run_id, again.n_tokens) == ("", the_plan.n_tokens)


def test_what_this_machine_cannot_hold_would_fail(begun, monkeypatch):
    levels, questions, store, _, _ = begun
    small = module.memory.Room(100_000_000, 50_000_000)
    monkeypatch.setattr(module.memory, "here", lambda: small)
    _, level = foresee(levels, questions, store)
    assert "of memory" in level.trouble
    assert level.seconds is None


def test_nothing_is_left_of_a_plan_that_is_done(begun):
    *_, the_plan = begun
    assert n_left(the_plan, range(the_plan.n_batches)) == 0
    assert n_left(the_plan, ()) == the_plan.n_tokens
    (first, *_) = the_plan.groups
    assert n_left(Plan((first,)), ()) == len(first.prefix_tokens) + sum(
        batch.n_tokens for batch in first.batches
    )
