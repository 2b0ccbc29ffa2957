from dataclasses import replace

from ggufeval.report.bars import bars
from ggufeval.report.bars import render as drawn


def test_differences_with_their_intervals(comparison):
    assert bars(comparison, 60) == [
        "difference to F16, points: | none   : margin",
        "Q8_0                                          ──:──o─────",
        "Q4_K_M†                                 ────────o──|────",
        "Q2_K*       ────────────o────────────           :  |",
        "                      -10           -5             0",
    ]


def test_a_single_model_and_chance(single):
    lines = bars(single, 80)
    assert lines[0] == "accuracy: | chance"
    assert lines[1].startswith("SmolLM2-135M-Instruct F16  ")
    assert "o" in lines[1]


def test_at_chance_there_is_no_margin(at_chance):
    assert ":" not in "".join(bars(at_chance, 80)[1:])
    assert "margin" not in bars(at_chance, 80)[0]


def test_it_fits_or_is_not_there(comparison):
    for width in range(33, 120):
        assert all(len(line) <= max(width, 45) for line in bars(comparison, width))
    assert bars(comparison, 30) == []
    assert drawn(replace(comparison)).endswith("\n")
