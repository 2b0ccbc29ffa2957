"""Trials of -ub and -t: what is tried, what is chosen, what is remembered."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ggufeval import runner, tuning
from ggufeval.errors import UsageError
from ggufeval.job import prepare
from ggufeval.llama.client import ModelProcess
from ggufeval.readers import Answered
from ggufeval.readers.letter import LetterReader

OPTIONS = runner.Options(shots=1, n_threads=2, tune=True)


@pytest.fixture
def speeds(monkeypatch):
    """(-ub, -t), and "plain" for the file's own layout of weights -> tokens per second, in place of
    an engine; and what was asked of it."""
    asked = []
    table = {}

    def answers(_reader, _process, _path, work):
        settings = work.settings
        asked.append((settings.n_ubatch, settings.n_threads))
        if not settings.repack:
            asked[-1] += ("plain",)
        n = work.plan.n_tokens
        yield Answered(0, (), n, n / table.get(asked[-1], 100.0))

    monkeypatch.setattr(LetterReader, "answers", answers)
    monkeypatch.setattr(tuning.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(tuning, "physical_cores", lambda: 2)
    return table, asked


@pytest.fixture
def tune(q4_0, few_questions, monkeypatch, tmp_path):
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path))
    said = []

    def run(options=OPTIONS):
        return tuning.tuned(options, lambda: q4_0, few_questions, said.append)

    run.said = said
    return run


def test_nothing_is_tried_unless_it_is_wanted(tune, speeds):
    options = replace(OPTIONS, tune=False)
    assert tune(options) is options
    assert speeds[1] == []


def test_the_fastest_is_chosen(tune, speeds):
    table, asked = speeds
    table[1024, 2] = 120.0
    chosen = tune()
    assert (chosen.n_ubatch, chosen.n_threads, chosen.tune) == (1024, 2, False)
    assert asked == [
        (512, 2),
        (512, 2, "plain"),
        (256, 2),
        (1024, 2),
        (2048, 2),
        (512, 4),
        (512, 1),
    ]
    assert "Tuned: -ub 1024 -t 2" in tune.said[-1]


def test_what_is_a_little_faster_is_not_worth_another_choice(tune, speeds):
    speeds[0][1024, 2] = 104.0
    chosen = tune()
    assert (chosen.n_ubatch, chosen.n_threads) == (512, 2)


def test_it_is_tried_once(tune, speeds, tmp_path):
    table, asked = speeds
    table[256, 2] = 200.0
    first, n = tune(), len(asked)
    assert tune() == first
    assert len(asked) == n
    assert "earlier trial" in tune.said[-1]
    (kept,) = json.loads((tmp_path / "tuned.json").read_text()).values()
    assert kept == {"n_ubatch": 256, "n_threads": 2, "repack": True}


def test_weights_stay_as_they_are_where_that_is_faster(tune, speeds):
    speeds[0][512, 2, "plain"] = 150.0
    chosen = tune()
    assert (chosen.n_ubatch, chosen.n_threads, chosen.repack) == (512, 2, False)
    assert "Tuned: -ub 512 -t 2 --no-repack, kept" in tune.said[-1]
    assert tune() == chosen


def test_another_layout_is_not_tried_where_one_is_asked_for(tune, speeds):
    assert tune(replace(OPTIONS, repack=False)).repack is False
    assert all("plain" in asked for asked in speeds[1])


def test_another_number_of_threads_asked_for_is_another_trial(tune, speeds):
    tune()
    n = len(speeds[1])
    tune(replace(OPTIONS, n_threads=1))
    assert len(speeds[1]) > n


@pytest.mark.parametrize("content", ["", "[1]", '{"a": 1}', '{"a": {"n_ubatch": -1}}', "\x00"])
def test_a_broken_memory_is_none(tune, speeds, tmp_path, content):
    (tmp_path / "tuned.json").write_text(content)
    tune()
    assert speeds[1]
    assert len(json.loads((tmp_path / "tuned.json").read_text())) == 1


def test_what_would_take_too_long_is_not_begun(tune, speeds, monkeypatch):
    monkeypatch.setattr(tuning, "_MOST_SECONDS", 0.0)
    tune()
    assert speeds[1] == [(512, 2)]


def test_texts_are_not_tuned_for(tune):
    with pytest.raises(UsageError, match="--tune tries how fast prompts are read"):
        tune(replace(OPTIONS, read="sample"))


def test_the_trial_is_the_plans_largest_batch(q4_0, few_questions):
    with ModelProcess() as process:
        work = prepare(process, q4_0, few_questions, replace(OPTIONS, n_batch=128)).work
    some = tuning._some(work)
    (group,) = some.plan.groups
    (batch,) = group.batches
    assert batch.n_tokens == max(b.n_tokens for g in work.plan.groups for b in g.batches)
    assert [q.id for q in some.questions] == [item.question_id for item in batch.items]
