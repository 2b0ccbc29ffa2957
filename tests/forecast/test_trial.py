"""Speeds found out on a part of a plan."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from ggufeval import plan, readers, runner, tasks
from ggufeval.forecast import trial as module
from ggufeval.forecast.load import Load, Speed, of_rows
from ggufeval.job import prepare
from ggufeval.llama.client import ModelProcess
from ggufeval.readers import Work
from ggufeval.readers.letter import LetterReader
from ggufeval.types import (
    Batch,
    EngineSettings,
    Group,
    Item,
    Plan,
    Question,
    TokenizedPrompt,
)

SPEED = Speed(2e-3, 1e-6)
READER = readers.make("letter", None)


@pytest.fixture(scope="module")
def work(q4_0):
    questions = tasks.load("sample", None, shots=3)
    with ModelProcess() as process:
        options = runner.Options(shots=3, n_batch=512, n_ubatch=256)
        return prepare(process, q4_0, questions, options).work


def synthetic(*subjects: tuple[str, int, int, int]) -> Work:
    """Subjects by name: tokens of the shared prefix, questions, tokens of each."""
    pairs = []
    for k, (name, n_prefix, n_questions, n) in enumerate(subjects):
        prefix = range(k * 5_000, k * 5_000 + n_prefix)
        for i in range(n_questions):
            tokens = array("i", [*prefix, *[90_000 + i] * n])
            pairs.append((name, TokenizedPrompt(f"{name}/{i}", tokens, 4)))
    prompts = tuple(prompt for _, prompt in pairs)
    questions = tuple(Question(p.question_id, "", "", ("a", "b"), 0) for p in prompts)
    settings = EngineSettings(4096, 2048, 512, 128, 2, 0, "auto")
    return Work(plan.make(pairs, budget=2048), settings, questions, prompts)


WORK = synthetic(("shallow", 200, 9, 100), ("middling", 700, 9, 100), ("deep", 2500, 9, 100))


def test_each_prefix_with_one_question_and_then_as_many_as_are_computed_at_once():
    some, loads = module._some(WORK, leave=True)
    probe, *groups = some.plan.groups
    assert (len(probe.prefix_tokens), probe.batches[0].n_tokens) == (0, 256)
    assert [len(group.prefix_tokens) for group in groups] == [700, 2500, 200]
    assert [[len(batch.items) for batch in group.batches] for group in groups] == [[1, 5]] * 3
    assert loads == [
        of_rows(0, 256, 512),
        of_rows(0, 700, 512) + of_rows(700, 100, 512),
        of_rows(700, 500, 512),
        of_rows(0, 2500, 512) + of_rows(2500, 100, 512),
        of_rows(2500, 500, 512),
        of_rows(0, 200, 512) + of_rows(200, 100, 512),
        of_rows(200, 500, 512),
    ]
    asked = [question.id for question in some.questions]
    decoded = [
        item.question_id for group in some.plan.groups for b in group.batches for item in b.items
    ]
    assert asked == decoded == [prompt.question_id for prompt in some.prompts]


def test_a_prefix_of_many_batches_is_tried_once():
    """It is decoded once: counted twice, the model would look several times as fast."""
    work = synthetic(("many", 700, 90, 100), ("few", 200, 30, 100))
    assert len(work.plan.groups[0].batches) == 5
    some, loads = module._some(work, leave=True)
    assert [len(group.prefix_tokens) for group in some.plan.groups] == [0, 700, 200]
    assert sum(load.tokens for load in loads) == some.plan.n_tokens


def test_questions_that_share_nothing_are_tried_as_they_are():
    some, loads = module._some(synthetic(("a", 600, 1, 50), ("b", 900, 1, 50)), leave=True)
    assert [len(group.batches) for group in some.plan.groups] == [1] * len(some.plan.groups)
    assert {load.tokens for load in loads} == {256, 650, 950}


def test_a_text_is_decoded_whole_where_the_question_that_had_it_is_in_another_batch():
    first, second = (
        Item(name, array("i", [*range(80), n]), 4, n_shared=k)
        for name, n, k in (
            ("q1", 501, 0),
            ("q2", 502, 80),
        )
    )
    the_plan = Plan((Group(array("i", range(300)), (Batch((first, second)),)),))
    prompts = tuple(TokenizedPrompt(name, array("i", range(381)), 4) for name in ("q1", "q2"))
    work = replace(WORK, plan=the_plan, questions=WORK.questions[:2], prompts=prompts)
    some, loads = module._some(work, leave=True)
    assert some.plan.groups[1].batches[1].items[0].n_shared == 0
    assert [load.tokens for load in loads] == [256, 381, 81]


def test_what_a_model_does_is_measured(q4_0, work):
    found = module.trial(READER, q4_0.parts[0], work)
    assert found.speed.per_token > 0
    assert 0 < found.load_seconds < 60
    pace = found.pace(Load(10_000, 10_000 * 500))
    assert pace.per_second == pytest.approx(10_000 / found.speed.seconds(Load(10_000, 5_000_000)))
    assert (pace.run_id, pace.of) == ("", "")


def test_loading_is_measured_without_the_rest(q4_0, work, monkeypatch):
    asked = []
    answers = LetterReader.answers

    def watched(self, process, path, work):
        asked.append(work)
        return answers(self, process, path, work)

    monkeypatch.setattr(LetterReader, "answers", watched)
    found = module.loading(READER, q4_0.parts[0], work)
    assert 0 < found < 60
    (some,) = asked
    assert (some.plan.n_batches, len(some.questions)) == (1, 1)
    assert some.plan.n_tokens <= 256
    assert module.loading(readers.make("sample", "mmlu"), q4_0.parts[0], work) == 0.0


def test_what_would_take_too_long_is_not_begun(q4_0, work, monkeypatch):
    monkeypatch.setattr(module, "_MOST_SECONDS", 0.0)
    found = module.trial(READER, q4_0.parts[0], work)
    assert found.spread is None
    assert found.speed.per_cell == 0.0  # of the first decode alone


def test_texts_that_are_written_are_not_tried(q4_0, work):
    reader = readers.make("sample", None, max_tokens=8)
    assert module.trial(reader, q4_0.parts[0], work) is None


def test_how_far_the_measurements_lie_apart_is_told_where_there_are_enough():
    loads = (Load(600, 600 * 500), Load(500, 500 * 1200), Load(800, 800 * 600))
    measured = [(load, SPEED.seconds(load)) for load in loads]
    assert module.of(measured, 1.5).spread is None
    slow = replace(loads[0], cells=600 * 1500)
    found = module.of([*measured, (slow, 1.2 * SPEED.seconds(slow))], 1.5)
    low, high = found.spread
    assert 0.8 < low < 1.0 < high < 1.25
    assert found.load_seconds == 1.5
