import math

import pytest

from ggufeval.report.scale import Scale, ends
from ggufeval.types import Estimate


def test_ends_of_estimates():
    assert ends([Estimate(0.4, 0.3, 0.5), Estimate(0.1, 0.0, 0.2)]) == [
        0.3,
        0.4,
        0.5,
        0.0,
        0.1,
        0.2,
    ]


def test_round_numbers_under_the_axis():
    scale = Scale([0.2561, 0.4523])
    assert [tick.text for tick in scale.ticks("{:g}%", zero="0%")] == [
        "25%",
        "30%",
        "35%",
        "40%",
        "45%",
    ]
    assert [tick.text for tick in Scale([-0.13, 0.02]).ticks("{:+g}", zero="0")] == [
        "-10",
        "-5",
        "0",
    ]


def test_everything_is_inside_and_in_order():
    scale = Scale([0.1, 0.9])
    places = [scale.place(x) for x in (-5.0, 0.1, 0.5, 0.9, 5.0)]
    assert places == sorted(places)
    assert all(3 <= place <= 97 for place in places)
    assert places[2] == 50


@pytest.mark.parametrize(
    "values", [(0.0, 0.0), (1e-9, 1e-8), (-1.0, 1.0), (math.nan, -math.inf, 1.0)]
)
def test_tiny_huge_and_missing_numbers(values):
    scale = Scale(values)
    assert 1 <= len(scale.ticks("{:g}", zero="0")) <= 8
    assert all(math.isfinite(scale.place(value)) for value in values)
