"""Forecasts beside a database that has runs: what is finished, what is begun."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ggufeval import forecast as module
from ggufeval import making, plan, runner
from ggufeval.catalog.resolve import resolve
from ggufeval.forecast import forecast
from ggufeval.forecast.load import left
from ggufeval.store import Store
from ggufeval.types import Pace, Record, Surety

OPTIONS = runner.Options(shots=1)


def record(question):
    return Record("", question.id, 0, 0, False, (1.0, 0, 0, 0), 2.0, 0.9, 1.0, 1, 1.0, 10)


@pytest.fixture
def begun(smollm2, few_questions, tmp_path):
    """A database in which half of SmolLM2's batches are stored, and the run's plan."""
    (source,) = resolve(str(smollm2)).sources
    levels = (making.Level(source),)
    with Store.open(tmp_path / "results.sqlite") as store:
        files = making.files_of(levels[0], None, print)
        with runner.opened(files, few_questions, store, OPTIONS) as session:
            run_id, work = session.run.id, session._job.work
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
    done = range(0, the_plan.n_batches, 2)
    assert level.n_tokens == left(the_plan, 512, leave=True, done=done).tokens
    assert 0 < level.n_tokens < the_plan.n_tokens
    assert level.pace == Pace(100.0, run_id)
    prepared = level.seconds - level.n_tokens / 100
    assert 0 < prepared < 60
    assert level.between is None
    assert level.memory_surety is Surety.EXACT
    assert level.memory_bytes > level.size_bytes
    assert family.detectable == ()


def test_loading_counts_where_an_earlier_run_tells_the_speed(begun, monkeypatch):
    levels, questions, store, _, _ = begun
    monkeypatch.setattr(module.levels, "loading", lambda *_: 1000.0)
    _, level = foresee(levels, questions, store)
    assert 0 < level.seconds - 1000.0 - level.n_tokens / 100 < 60


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
