import math
from dataclasses import replace

import pytest

from ggufeval.report.charts import accuracy_chart, difference_chart
from ggufeval.types import Difference, Estimate


def test_accuracy(comparison):
    chart = accuracy_chart(comparison)
    assert [tick.text for tick in chart.ticks] == ["25%", "30%", "35%", "40%", "45%"]
    assert [w.name for w in chart.whiskers] == ["F16", "Q8_0", "Q4_K_M†", "Q2_K*"]
    assert [w.tone for w in chart.whiskers] == ["reference", "even", "even", "worse"]
    assert chart.line.text == "chance 25%"
    assert chart.line.x == chart.ticks[0].x
    reference = chart.whiskers[0]
    assert chart.band == pytest.approx((reference.low, reference.high - reference.low))


def test_differences(comparison):
    chart = difference_chart(comparison)
    assert [tick.text for tick in chart.ticks] == ["-10", "-5", "0"]
    assert chart.line.x == chart.ticks[-1].x
    assert chart.band is None


def test_everything_is_inside(comparison):
    for chart in (accuracy_chart(comparison), difference_chart(comparison)):
        for w in chart.whiskers:
            assert 3 <= w.low <= w.x <= w.high <= 97
            assert 0 < w.y < chart.bottom < chart.height
        assert all(3 <= tick.x <= 97 for tick in chart.ticks)


def test_long_names_leave_room_for_the_numbers(comparison, rename):
    chart = accuracy_chart(rename(comparison, "a" * 50, "b", "c", "d" * 50 + " Q2_K"))
    assert chart.whiskers[0].name == "a" * 14 + "..." + "a" * 8
    assert chart.whiskers[3].name == "d" * 14 + "...dd Q2_K*"


def with_difference(comparison, *numbers):
    difference = Difference(0, 0, 0, Estimate(*numbers), Estimate(*numbers), 1.0)
    return replace(
        comparison, candidates=[replace(comparison.candidates[0], difference=difference)]
    )


@pytest.mark.parametrize(
    ("numbers", "tone"),
    [
        ((0.02, 0.01, 0.03), "better"),
        ((-0.02, -0.03, -0.01), "worse"),
        ((0.01, 0.0, 0.02), "even"),
        ((0.0, 0.0, 0.0), "even"),
    ],
)
def test_tones(comparison, numbers, tone):
    assert difference_chart(with_difference(comparison, *numbers)).whiskers[0].tone == tone


def test_no_tones_where_the_reference_is_at_chance(at_chance):
    assert {w.tone for w in difference_chart(at_chance).whiskers} == {"even"}


@pytest.mark.parametrize(
    "numbers", [(0.0, 0.0, 0.0), (1e-9, 0.0, 1e-8), (-1.0, -1.0, 1.0), (math.nan, -math.inf, 1.0)]
)
def test_tiny_huge_and_missing_numbers(comparison, numbers):
    chart = difference_chart(with_difference(comparison, *numbers))
    assert 1 <= len(chart.ticks) <= 8
    assert all(math.isfinite(w.x) for w in chart.whiskers)
