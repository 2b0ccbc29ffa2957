import math

import pytest

from ggufeval.report import numerals
from ggufeval.types import Estimate


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (270_900_000, "271 MB"),
        (999_499_999, "999 MB"),
        (999_600_000, "1.00 GB"),
        (1_321_000_000, "1.32 GB"),
        (9_996_000_000, "10.0 GB"),
        (48_250_000_000, "48.2 GB"),
        (700_000_000_000, "700 GB"),
        (12_345_000_000_000_000, "12,345 TB"),
    ],
)
def test_size(n_bytes, text):
    assert numerals.size(n_bytes) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "+0.00"), (-0.000001, "+0.00"), (-0.0123, "-1.23"), (0.05, "+5.00"), (math.nan, "-")],
)
def test_points_are_signed_and_zero_is_never_negative(value, text):
    assert numerals.points(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.41228, "41.23"), (1.0, "100.00"), (-1e-9, "0.00"), (math.nan, "-"), (math.inf, "-")],
)
def test_percent(value, text):
    assert numerals.percent(value) == text


def test_intervals():
    estimate = Estimate(0.0, -0.0158, 0.0193)
    assert numerals.points_interval(estimate) == "[-1.58, +1.93]"
    assert numerals.percent_interval(estimate) == "[-1.58, 1.93]"


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (0.0, "0.00"),
        (0.0004, "<0.01"),
        (0.416, "0.42"),
        (9.999, "10.0"),
        (12.34, "12.3"),
        (99.96, "100"),
        (1234.4, "1,234"),
        (math.inf, "-"),
        (math.nan, "-"),
    ],
)
def test_rate(per_second, text):
    assert numerals.rate(per_second) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00:00"),
        (0.2, "<0:00:01"),
        (59.6, "0:01:00"),
        (3_725.4, "1:02:05"),
        (4_000_000, "1,111:06:40"),
        (math.nan, "-"),
    ],
)
def test_clock(seconds, text):
    assert numerals.clock(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1.000"), (0.0436, "0.044"), (0.0009, "<.001"), (0.0, "0.000"), (math.nan, "-")],
)
def test_probability(value, text):
    assert numerals.probability(value) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Größe 模型", "plain Größe 模型"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b2J\x85", r"\x9b2J\x85"),
        ("a\nb\tc\rd\x00\x7f", r"a\nb\tc\rd\x00\x7f"),
        ("\u202egnp.exe\u2028", r"\u202egnp.exe\u2028"),
        ("\udc80", r"\udc80"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_visible(text, shown):
    assert numerals.visible(text) == shown


def test_visible_keeps_what_it_is_told_to():
    assert numerals.visible("a\nb\x1b", keep="\n") == "a\nb\\x1b"


def test_clip_takes_the_middle():
    assert numerals.clip("short", 60) == "short"
    assert numerals.clip("a" * 100 + "Q4_K_M", 30) == "a" * 17 + "..." + "aaaaQ4_K_M"


def test_count():
    assert numerals.count(1, "question") == "1 question"
    assert numerals.count(14_042, "question") == "14,042 questions"
    assert numerals.count(0, "shot") == "0 shots"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.0000"), (0.00005, "<.0001"), (0.0313, "0.0313"), (2.5, "2.5000"), (math.nan, "-")],
)
def test_nats(value, text):
    assert numerals.nats(value) == text
