"""Trials of -ub and -t: what is tried, what is chosen, what is remembered."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ggufeval import runner, tuning
from ggufeval.errors import ModelError, UsageError
from ggufeval.job import prepare
from ggufeval.llama.client import ModelProcess
from ggufeval.readers import Answered
from ggufeval.readers.letter import LetterReader
from ggufeval.types import Memory

OPTIONS = runner.Options(shots=1, n_threads=2, tune=True)


@pytest.fixture
def speeds(monkeypatch):
    """(-ub, -t), or "own" and "plain" for the layouts of weights -> tokens per second, in place of
    an engine; and what was asked of it. F16 has no other layout."""
    asked = []
    table = {}

    def memory(_process, path, settings):
        copy = 1 if settings.repack and "F16" not in path.name else 0
        return Memory(mapped=1, allocated=copy, cache=1, compute=1, copied=copy)

    def prompt_seconds(_process, path, settings, n_tokens, *_):
        asked.append("own" if settings.repack else "plain")
        return (n_tokens / table.get((asked[-1], path), table.get(asked[-1], 100.0)),)

    monkeypatch.setattr(ModelProcess, "memory", memory)
    monkeypatch.setattr(ModelProcess, "prompt_seconds", prompt_seconds)

    def answers(_reader, _process, _path, work):
        settings = work.settings
        asked.append((settings.n_ubatch, settings.n_threads))
        speed = table.get(asked[-1], 100.0)
        if isinstance(speed, list):
            speed = speed.pop(0)
        if speed == "fails":
            raise ModelError("no memory for it")
        n = work.plan.n_tokens
        yield Answered(0, (), n, n / speed)

    monkeypatch.setattr(LetterReader, "answers", answers)
    monkeypatch.setattr(tuning.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(tuning, "physical_cores", lambda: 2)
    return table, asked


@pytest.fixture
def tune(q4_0, few_questions, monkeypatch, tmp_path):
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path))
    said = []

    def run(options=OPTIONS, models=(q4_0,)):
        return tuning.tuned(options, lambda: models, few_questions, said.append)

    run.said = said
    return run


def test_nothing_is_tried_unless_it_is_wanted(tune, speeds):
    options = replace(OPTIONS, tune=False)
    assert tune(options) == options
    assert speeds[1] == []


def test_the_fastest_is_chosen(tune, speeds):
    table, asked = speeds
    table[1024, 2] = 120.0
    chosen = tune()
    assert (chosen.n_ubatch, chosen.n_threads, chosen.tune) == (1024, 2, False)
    assert asked == [
        "own",
        "plain",
        (512, 2),
        (256, 2),
        (1024, 2),
        (2048, 2),
        (512, 4),
        (512, 1),
        (512, 2),
        (1024, 2),
    ]
    assert "Tuned: -ub 1024 -t 2" in tune.said[-1]


def test_what_is_a_little_faster_is_not_worth_another_choice(tune, speeds):
    speeds[0].update({(1024, 2): 104.0, "plain": 104.0})
    chosen = tune()
    assert (chosen.n_ubatch, chosen.n_threads, chosen.repack) == (512, 2, True)


@pytest.mark.parametrize(("present", "other"), [(60.0, 100.0), (100.0, 150.0)])
def test_what_is_faster_only_once_is_not_chosen(tune, speeds, present, other):
    """The machine was slow for some seconds, or fast."""
    table, asked = speeds
    table[512, 2], table[256, 2] = [present, 100.0], [other, 100.0]
    assert tune().n_ubatch == 512
    assert asked[-2:] == [(512, 2), (256, 2)]


def test_it_is_tried_once(tune, speeds, tmp_path):
    table, asked = speeds
    table[256, 2] = 200.0
    first, n = tune(), len(asked)
    assert tune() == first
    assert len(asked) == n
    assert "earlier trial" in tune.said[-1]
    kept = json.loads((tmp_path / "tuned.json").read_text()).values()
    assert {"n_ubatch": 256, "n_threads": 2} in kept
    assert {"own": 5.12, "plain": 5.12} in kept


def test_weights_stay_as_they_are_where_that_is_faster(tune, speeds):
    speeds[0]["plain"] = 150.0
    chosen = tune()
    assert (chosen.n_ubatch, chosen.n_threads, chosen.repack) == (512, 2, False)
    assert "Tuned: -ub 512 -t 2 --no-repack, kept" in tune.said[-1]
    assert tune() == chosen


def test_another_layout_is_not_tried_where_one_is_asked_for(tune, speeds):
    assert tune(replace(OPTIONS, repack=False)).repack is False
    assert not {"own", "plain"} & set(speeds[1])


def test_a_layout_is_tried_with_each_model_that_has_one(tune, speeds, small_f16, small_q4_0, q4_0):
    table, asked = speeds
    table["plain"] = 150.0
    assert tune(models=(small_f16, q4_0, small_q4_0)).repack is False
    assert asked[:4] == ["own", "plain", "own", "plain"]
    assert [line.partition(":")[0] for line in tune.said[1:3]] == [
        "  SmolLM2-135M-Instruct Q4_0",
        "  SmolLM2-135M-Instruct Q4_0",
    ]


@pytest.mark.parametrize("slow", [100.0, 60.0])
def test_the_layout_is_for_all_models_together(tune, speeds, q4_0, small_q4_0, slow):
    """One takes half of the time so, the other as long or 1.67 times as long."""
    table, _ = speeds
    table["plain", q4_0.parts[0]] = 200.0
    table["plain", small_q4_0.parts[0]] = slow
    table["own", q4_0.parts[0]] = 130.0
    assert tune(models=(q4_0, small_q4_0)).repack is (slow == 60.0)


@pytest.mark.parametrize("place", [0, 1])
def test_a_model_that_cannot_be_tried_fails_in_its_turn(tune, speeds, q4_0, tmp_path, place):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    models = [q4_0]
    models.insert(place, runner.ModelFiles((broken,), "0" * 64))
    assert tune(models=tuple(models)).tune is False
    assert speeds[1][:3] == ["own", "plain", (512, 2)]


def test_none_that_can_be_tried_is_an_error(tune, speeds, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    with pytest.raises(ModelError):
        tune(models=(runner.ModelFiles((broken,), "0" * 64),))


def test_what_there_was_no_time_for_changes_no_choice_later(
    tune, speeds, q4_0, small_q4_0, monkeypatch
):
    """The other one would have changed it."""
    table, asked = speeds
    table["plain"] = 150.0
    table["plain", small_q4_0.parts[0]] = 1.0
    monkeypatch.setattr(tuning, "_MOST_SECONDS", 0.0)
    first = tune(models=(q4_0, small_q4_0))
    assert first.repack is False
    assert "  no time for the layouts of smaller ones" in tune.said
    monkeypatch.setattr(tuning, "_MOST_SECONDS", 60.0)
    n = len(asked)
    assert tune(models=(q4_0, small_q4_0)) == first
    assert len(asked) == n


def test_what_does_not_fit_into_memory_is_not_tried(tune, speeds):
    chosen = tune(replace(OPTIONS, memory_limit=2))
    assert speeds[1] == []
    assert (chosen.n_ubatch, chosen.n_threads, chosen.repack) == (512, 2, True)
    tune(replace(OPTIONS, memory_limit=2_000_000_000))
    assert (1024, 2) in speeds[1]


def test_what_fails_is_not_chosen(tune, speeds):
    table, asked = speeds
    table.update({(512, 2): "fails", (256, 2): 120.0, (1024, 2): "fails"})
    assert tune().n_ubatch == 256
    assert (512, 1) in asked


def test_where_all_fails_the_run_will_say_so(tune, speeds):
    speeds[0].update(dict.fromkeys([(n, 2) for n in (256, 512, 1024, 2048)], "fails"))
    speeds[0].update({(512, 4): "fails", (512, 1): "fails"})
    assert tune(replace(OPTIONS, repack=False)).n_ubatch == 512
    assert tune.said[-1] == "Tuned: -ub 512 -t 2 --no-repack, since nothing could be tried."


def test_what_cannot_be_kept_is_told(tune, speeds, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path / "file"))
    tune()
    assert tune.said[-1].startswith("Tuned: -ub 512 -t 2, not kept, since the cache cannot be")


def test_another_prompt_has_other_sizes_but_the_same_layout(tune, speeds):
    tune()
    n = len(speeds[1])
    tune(replace(OPTIONS, prompt="chat"))
    assert speeds[1][n:]
    assert not {"own", "plain"} & set(speeds[1][n:])


def test_another_build_is_another_trial(tune, speeds, monkeypatch):
    tune()
    n = len(speeds[1])
    real = ModelProcess.machine

    def machine(process):
        found = real(process)
        return replace(found, build=replace(found.build, libraries_sha256="0" * 64))

    monkeypatch.setattr(ModelProcess, "machine", machine)
    tune()
    assert len(speeds[1]) == 2 * n


def test_of_another_model_beside_it_only_the_layout_is_tried(tune, speeds, q4_0, small_q4_0):
    tune()
    n = len(speeds[1])
    tune(models=(q4_0, small_q4_0))
    assert speeds[1][n:] == ["own", "plain"]
    assert "kept for other runs" in tune.said[-1]


def test_without_a_model_nothing_is_tried(tune, speeds):
    assert tune(models=()).tune is False
    assert speeds[1] == []


def test_another_number_of_threads_asked_for_is_another_trial(tune, speeds):
    tune()
    n = len(speeds[1])
    tune(replace(OPTIONS, n_threads=1))
    assert speeds[1][n : n + 3] == ["own", "plain", (512, 1)]


@pytest.mark.parametrize("content", ["", "[1]", '{"a": 1}', '{"a": {"n_ubatch": -1}}', "\x00"])
def test_a_broken_memory_is_none(tune, speeds, tmp_path, content):
    (tmp_path / "tuned.json").write_text(content)
    tune()
    assert speeds[1]
    assert len(json.loads((tmp_path / "tuned.json").read_text())) == 3
    n = len(speeds[1])
    tune()
    assert len(speeds[1]) == n


def test_what_would_take_too_long_is_not_begun(tune, speeds, monkeypatch):
    monkeypatch.setattr(tuning, "_MOST_SECONDS", 0.0)
    tune()
    assert speeds[1] == ["own", "plain", (512, 2)]  # of each there must be one


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
