"""Table and chart against literal output at fixed widths."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from ggufeval.report.ladder import terminal
from ggufeval.types import Estimate

GOLDEN = Path(__file__).parents[1] / "golden"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("width", [60, 80, 90, 140])
def test_golden(ladder, width):
    assert terminal.draw(ladder, width) == (GOLDEN / f"ladder-{width}.txt").read_text("utf-8")


def test_some_rungs(some):
    assert terminal.draw(some) == (GOLDEN / "ladder-some.txt").read_text("utf-8")


def test_nothing_measured_has_no_chart(none):
    text = terminal.draw(none)
    assert "7 meta-system        n/a a" in text
    assert "o as studied" not in text


@pytest.mark.parametrize("width", [60, 72, 80, 90, 100, 140, 200])
def test_no_line_is_longer_than_the_terminal(ladder, some, width):
    for shown in (ladder, some):
        assert max(len(line) for line in terminal.draw(shown, width).splitlines()) <= width


@pytest.mark.parametrize("width", [1, 20, 40])
def test_a_number_is_never_cropped(ladder, width):
    text = terminal.draw(ladder, width)
    for number in ("+24.74", "[17.75, 24.65]", "65.09", "39.47", "42.9 c"):
        assert number in text


def test_the_published_figure_beside_na_at_the_end(ladder):
    """The chart has room for what stands behind its longest line."""
    seventh = replace(ladder.rungs[6].rung, published=replace(ladder.rungs[0].rung.published))
    seventh = replace(seventh, published=replace(seventh.published, micro=0.99))
    text = terminal.draw(
        replace(ladder, rungs=(ladder.rungs[0], replace(ladder.rungs[6], rung=seventh)))
    )
    (line,) = [line for line in text.splitlines() if line.endswith("x  n/a")]
    assert len(line) <= 80


def test_alarms_come_last(ladder):
    first = ladder.rungs[0]
    guess = replace(first.free, micro=Estimate(0.25, 0.2, 0.3))
    text = terminal.draw(replace(ladder, rungs=(replace(first, free=guess),)))
    assert text.endswith("\nAlarm: Not to be told from guessing (25.00%): rung 1 as studied.\n")


def test_color(ladder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[2m[+20.64, +28.74]\x1b[0m" in terminal.render(ladder, Terminal())
    assert "\x1b" not in terminal.render(ladder, io.StringIO())
    assert terminal.render(ladder) == terminal.draw(ladder)


def test_hostile_strings(hostile):
    text = terminal.draw(hostile("\x1b[31m[bold]\n\u202e\x9b2J"), 200)
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)
    assert r"\x1b[31m[bold]\n\u202e\x9b2J on the original" in text
