"""Streams that cannot show every character, and terminals that are narrow."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import click
import pytest

from ggufeval.cli import _streams


def written(text: str, encoding: str) -> bytes:
    """The bytes of a text on a stream, written by click as all commands do."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    _streams.soften(stream)
    click.echo(text, file=stream, nl=False)
    stream.flush()
    return raw.getvalue()


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", rb'Q4_K_M+ --- "\u03c0" - 1,5 \xb0 Gr\xf6\xdfe'),
        ("latin-1", 'Q4_K_M+ --- "\\u03c0" - 1,5 ° Größe'.encode("latin-1")),
        ("cp1252", "Q4_K_M† --- “\\u03c0” — 1,5 ° Größe".encode("cp1252")),
        ("cp437", 'Q4_K_M+ ─── "π" - 1,5 ° Größe'.encode("cp437")),
        ("utf-8", "Q4_K_M† ─── “π” — 1,5 ° Größe".encode()),
    ],
)
def test_what_cannot_be_shown_can_be_read(encoding, shown):
    assert written("Q4_K_M† ─── “π” — 1,5 ° Größe", encoding) == shown


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_files_name_is_written_as_the_system_has_it(encoding):
    name = b"Mod\xe8le.gguf".decode("ascii", "surrogateescape")
    assert written(name, encoding) == b"Mod\xe8le.gguf"


def test_half_of_a_pair_is_written_out():
    assert written("\ud83d", "utf-8") == rb"\ud83d"


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_what_is_no_stream_of_bytes_is_left_alone(stream):
    _streams.soften(stream)


def test_click_itself_takes_the_stream_for_sound(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    _streams.soften(stream)
    monkeypatch.setattr(sys, "stdout", stream)
    click.echo("†", nl=False)
    assert raw.getvalue() == b"+"


class Terminal(io.StringIO):
    def isatty(self):
        return True


PROSE = "Note: other programs keep 2.0 of 2 cores busy.\n\nReport: /a/very/long/path/to/report.html"


def test_prose_on_a_terminal_breaks_between_words(monkeypatch):
    monkeypatch.setenv("COLUMNS", "24")
    assert _streams.fit(PROSE, Terminal()).split("\n") == [
        "Note: other programs",
        "keep 2.0 of 2 cores",
        "busy.",
        "",
        "Report:",
        "/a/very/long/path/to/report.html",
    ]


def test_a_command_stays_on_its_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "24")
    command = "  ggufeval sweep YOUR-MODEL.gguf --quants Q8_0,Q4_K_M,Q2_K"
    assert _streams.fit(command, Terminal()) == command


def test_a_log_has_whole_lines(monkeypatch):
    monkeypatch.setenv("COLUMNS", "24")
    assert _streams.fit(PROSE, io.StringIO()) == PROSE


@pytest.mark.parametrize(("terminal", "told"), [(True, r"a\x1b[2J.gguf"), (False, "a\x1b[2J.gguf")])
def test_a_files_name_is_told_to_programs_as_it_is(monkeypatch, terminal, told):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert _streams.path(Path("a\x1b[2J.gguf")) == told
