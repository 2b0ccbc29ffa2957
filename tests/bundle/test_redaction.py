"""Nothing of whose machine it was travels."""

from __future__ import annotations

import getpass

import pytest

from ggufeval.bundle import redaction


@pytest.fixture
def jane(monkeypatch, tmp_path):
    home = tmp_path / "jane"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(getpass, "getuser", lambda: "jane")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/jane/models/x.gguf", "x.gguf"),
        ("C:\\Users\\Jane Doe\\x.gguf", "x.gguf"),
        ("results/", "results"),
        ("x.gguf", "x.gguf"),
        ("/home/jane", "~"),
        ("/home/jane/", "~"),
        ("", ""),
        ("hf_abcdefghijklmnop", "hf_..."),
    ],
)
def test_a_path_becomes_a_name(path, name, jane):
    assert redaction.name_of(path) == name


def test_a_command_keeps_its_options_and_loses_its_folders(jane):
    command = (
        "ggufeval run '/home/jane/my models/x.gguf' --data=/home/jane/q.csv --limit 5 "
        "--prompt template:/home/jane/p.jinja --db ../jane/r.sqlite -t 2"
    )
    assert redaction.command(command) == (
        "ggufeval run x.gguf --data=q.csv --limit 5 --prompt template:p.jinja --db r.sqlite -t 2"
    )
    assert redaction.command("ggufeval run '/home/jane/x") == "ggufeval run x"


def test_a_data_sets_name_stays(jane):
    assert redaction.source("cais/mmlu@c30699e8") == "cais/mmlu@c30699e8"
    assert redaction.source("/home/jane/mmlu") == "mmlu"
    assert redaction.source("embedded") == "embedded"
