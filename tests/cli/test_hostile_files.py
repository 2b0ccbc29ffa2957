"""Model files whose names, on the disk and inside, steer a terminal: no command lets them."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from click.testing import CliRunner

from ggufeval.cli import cli

HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
NAME = b"\x1b[2J\x1b]0;x\x07\n<script>\xe2\x80\xae"
"""Clears the screen, names the window, breaks the line, turns the order of what follows."""
FILE = "a\x1b[2J\u202e<b>\n|c-Q4_1.gguf"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such file names")


def said(*arguments: object) -> str:
    """All that a command writes, which must be plain."""
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code in {0, 1, 2}, result.exception
    assert "Traceback" not in result.output
    shown = result.stdout + result.stderr
    assert not {c for c in shown if unicodedata.category(c) in HIDDEN} - set("\n\r")
    return shown


@pytest.fixture(scope="module")
def model(smollm2, tmp_path_factory):
    """SmolLM2 by another name."""
    data = bytearray(smollm2.read_bytes())
    place = data.index(b"general.name") + len(b"general.name") + 4
    length = int.from_bytes(data[place : place + 8], "little")
    data[place + 8 : place + 8 + length] = NAME[:length].ljust(length, b"x")
    path = tmp_path_factory.mktemp("hostile") / FILE
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("command", [["models", "show"], ["models", "show", "--format", "json"]])
def test_what_a_file_says_of_itself(model, command):
    shown = said(*command, model)
    assert "[2J" in shown
    assert "Q4_1" in shown


def test_estimate(model, tmp_path):
    database = tmp_path / "r.sqlite"
    assert "\\x1b[2J" in said("estimate", model, "--task", "sample", "--db", database)


def test_run_bundle_verify_and_reproduce(model, tmp_path):
    database, bundle = tmp_path / "r.sqlite", tmp_path / "s.ggb"
    asked = ("--task", "sample", "--limit", 16, "--shots", 0, "-t", 2, "--db", database)
    assert "\\x1b[2J" in said("run", model, *asked)
    assert "\\x1b[2J" in said("compare", "--db", database)
    said("bundle", "-o", bundle, "--db", database)
    assert "\\x1b[2J" in said("verify", bundle)
    assert "\\x1b[2J" in said("reproduce", bundle, "--models", model.parent)


@pytest.mark.parametrize("size", [0, 30, 5000])
def test_what_is_said_of_a_broken_one(model, tmp_path, size):
    path = tmp_path / FILE
    path.write_bytes(model.read_bytes()[:size])
    for command in (["models", "show", path], ["run", path, "--task", "sample"], ["verify", path]):
        assert "\\x1b[2J" in said(*command)


@pytest.mark.parametrize("option", ["--data", "--prompt", "--grammar"])
def test_files_that_are_no_questions_template_or_grammar(vocabulary, tmp_path, option):
    path = tmp_path / "a\x1b[2J.csv"
    path.write_bytes(b"\xff\x1b[2J")
    value = f"template:{path}" if option == "--prompt" else path
    arguments = ("--task", "sample") if option != "--data" else ()
    if option == "--grammar":
        arguments += ("--read", "sample")
    database = tmp_path / "r.sqlite"
    assert "\\x1b[2J" in said("run", vocabulary, *arguments, option, value, "--db", database)
