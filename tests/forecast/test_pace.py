"""Speeds out of earlier runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ggufeval import readers
from ggufeval.forecast import pace
from ggufeval.types import (
    BuildInfo,
    Design,
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Pace,
    Run,
    RunStatus,
)

BUILD = BuildInfo("0.3.36", "", "libraries", "AVX2", ("CPU: Some processor",))
RUN = Run(
    "aaa",
    ModelInfo("Tiny Q8_0", "m.gguf", "hash", 4_000_000, "llama", 1_000_000, "Q8_0", {}, 8.5, 1.0),
    Fingerprint(
        "hash", "p", "q", "mmlu", 0, "letter", "g", EngineSettings(4096, 512, 512, 64, 2, 0, "on"),
        BUILD,
    ),
    "mmlu", "s", Design.FULL, {}, 100, 1, RunStatus.DONE, "", 100, 5000, 50.0, 0, "",
)  # fmt: skip
SETTING = pace.Setting(BUILD, 2, 0, 512, 512, 0, True, readers.make("letter", None))
SAME = pace.Kind("hash", "Q8_0", "llama", 1_000_000)
OTHER = replace(SAME, sha256="another")


def test_the_same_file_and_else_the_same_level_at_the_same_size():
    other = replace(RUN, id="bbb", seconds=25.0, model=replace(RUN.model, sha256="another"))
    assert pace.stored([other, RUN], SETTING, SAME) == Pace(100.0, "aaa")
    assert pace.stored([RUN], SETTING, OTHER) == Pace(100.0, "aaa")
    assert pace.stored([RUN], SETTING, replace(OTHER, n_params=1_040_000)) == Pace(100.0, "aaa")


@pytest.mark.parametrize(
    "change", [{"n_params": 2_000_000}, {"quantization": "Q4_0"}, {"architecture": "qwen2"}]
)
def test_another_model_tells_nothing(change):
    assert pace.stored([RUN], SETTING, replace(OTHER, **change)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"build": replace(BUILD, devices=("CPU: Another processor",))},
        {"n_threads": 4},
        {"n_gpu_layers": -1},
        {"repack": False},
        {"reader": readers.make("cloze", None)},
    ],
)
def test_another_machine_or_reading_tells_nothing(change):
    assert pace.stored([RUN], replace(SETTING, **change), SAME) is None


def test_nothing_decoded_tells_nothing():
    assert pace.stored([replace(RUN, n_tokens=0, seconds=0.0)], SETTING, SAME) is None


def test_where_texts_are_written_questions_are_counted():
    reader = readers.make("sample", "mmlu", max_tokens=64)
    wrote = replace(RUN.fingerprint, read="sample", max_tokens=64)
    run = replace(RUN, fingerprint=wrote)
    setting = replace(SETTING, reader=reader)
    assert pace.stored([run], setting, SAME) == Pace(2.0, "aaa")
    longer = replace(setting, reader=readers.make("sample", "mmlu", max_tokens=256))
    assert pace.stored([run], longer, SAME) is None


def test_only_runs_of_as_many_tokens_a_question_where_that_is_asked():
    assert pace.stored([RUN], SETTING, SAME, per_question=54) == Pace(100.0, "aaa")
    assert pace.stored([RUN], SETTING, SAME, per_question=60) is None


@pytest.mark.parametrize("change", [{"n_batch": 2048}, {"n_ubatch": 256}, {"shots": 5}])
def test_nor_do_other_batches_or_shots_where_that_is_asked(change):
    setting = replace(SETTING, **change)
    assert pace.stored([RUN], setting, SAME, per_question=50) is None
    assert pace.stored([RUN], setting, SAME) == Pace(100.0, "aaa")


def test_several_runs_tell_how_far_it_may_be_off():
    slow, fast = replace(RUN, id="bbb", seconds=80.0), replace(RUN, id="ccc", seconds=40.0)
    assert pace.stored([RUN, slow, fast], SETTING, SAME) == Pace(100.0, "aaa", spread=(0.8, 1.6))
