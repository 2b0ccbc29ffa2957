from __future__ import annotations

import pytest

from ggufeval import runner
from ggufeval.doctor import speed
from ggufeval.llama.client import ModelProcess


def test_the_build_is_measured(q4_0, monkeypatch):
    """A few tokens, for the tests' sake."""
    monkeypatch.setattr(speed, "N_TOKENS", 64)
    monkeypatch.setattr(speed, "_N_ROWS", 64)
    ours, layout, yardstick = speed.findings(q4_0)
    facts = ours.facts
    assert layout.facts["tokens_per_second"] > 0
    assert "--no-repack" in layout.text
    assert ours.status == yardstick.status == "ok"
    assert len(facts["seconds"]) == 3
    middle = sorted(facts["seconds"])[1]
    assert facts["tokens_per_second"] == pytest.approx(64 / middle)
    assert facts["gflops"] == pytest.approx(2 * 134_515_008 * 64 / middle / 1e9)
    assert facts["n_threads"] == runner.physical_cores()
    assert "SmolLM2-135M-Instruct Q4_0" in ours.text
    assert "(median of 3)" in ours.text
    assert yardstick.facts["gflops"] > 0


def test_a_large_model_is_passed_through_once(q4_0, monkeypatch):
    monkeypatch.setattr(speed, "N_TOKENS", 64)
    monkeypatch.setattr(speed, "_PATIENCE_SECONDS", 0.0)
    ours = next(iter(speed.findings(q4_0)))
    assert len(ours.facts["seconds"]) == 1
    assert "(once)" in ours.text


def test_a_second_of_512_tokens(q4_0, monkeypatch):
    monkeypatch.setattr(ModelProcess, "prompt_seconds", lambda *_: (0.9, 1.0, 7.0))
    ours = next(iter(speed.findings(q4_0)))
    assert "512 tokens of a prompt in 1 s (median of 3), 512 tokens/s, 138 GFLOP/s" in ours.text


@pytest.mark.parametrize(
    ("plain", "status", "said"),
    [
        (0.5, "note", "(--no-repack) 1,024 tokens/s, 2.00 times as fast, and in less memory."),
        (2.0, "ok", "(--no-repack) 256 tokens/s, 0.50 times as fast: leave it out"),
    ],
)
def test_the_files_own_layout_is_measured_too(q4_0, monkeypatch, plain, status, said):
    monkeypatch.setattr(speed, "yardstick", lambda: 1.0)
    monkeypatch.setattr(
        ModelProcess,
        "prompt_seconds",
        lambda _self, _path, settings, *_: (1.0 if settings.repack else plain,),
    )
    _ours, layout, _yardstick = speed.findings(q4_0)
    assert layout.status == status
    assert said in layout.text


def test_a_file_that_keeps_its_layout_is_measured_once(f16, monkeypatch):
    monkeypatch.setattr(speed, "yardstick", lambda: 1.0)
    monkeypatch.setattr(ModelProcess, "prompt_seconds", lambda *_: (1.0,))
    assert len(list(speed.findings(f16))) == 2


def test_the_yardstick_counts_two_operations_a_product(monkeypatch):
    ticks = iter([0.0, 9.0, 10.0, 10.5, 20.0, 21.0, 30.0, 32.0])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(ticks))
    assert speed.yardstick(100) == pytest.approx(2 * 100**3 / 1.0 / 1e9)
