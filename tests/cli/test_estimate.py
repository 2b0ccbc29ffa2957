"""`ggufeval estimate`: what a run would take, and nothing is done."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from ggufeval.cli import cli

QUESTIONS = ("--task", "sample", "--limit", 32, "--shots", 1)


def call(command: str, *arguments: object):
    return CliRunner().invoke(cli, [command, *map(str, arguments)])


def test_files_as_they_are(made, tmp_path):
    database = tmp_path / "results.sqlite"
    result = call("estimate", made("Q4_0"), made("Q8_0"), *QUESTIONS, "--db", database)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "Estimate: nothing is downloaded, quantized or stored."
    rows = [line for line in lines if line.startswith(("Q4_0 ", "Q8_0 "))]
    assert ["on disk        2,494" in row for row in rows] == [True, True]
    assert "Measured now: Q4_0, " in " ".join(lines)
    assert "What it could show" not in result.stdout
    assert not database.exists()


def test_an_earlier_run_tells_the_speed(made, tmp_path):
    database = tmp_path / "results.sqlite"
    ran = call("run", made("Q4_0"), *QUESTIONS, "--db", database, "-q")
    assert ran.exit_code == 0, ran.output
    again = call(
        "estimate", made("Q4_0"), *QUESTIONS, "--db", database, "--force", "--format", "json", "-q"
    )
    tree = json.loads(again.stdout)
    ((level,),) = (list(family["levels"]) for family in tree["families"])
    assert level["pace"]["run_id"] == ran.stdout.strip()
    assert level["n_tokens"] == 2494
    assert level["seconds"] > level["n_tokens"] / level["pace"]["per_second"]
    finished = call("estimate", made("Q4_0"), *QUESTIONS, "--db", database, "-q")
    assert "Time: none, all of it is finished.\n" in finished.stdout


@pytest.mark.parametrize("command", ["estimate", "run"])
def test_what_does_not_fit_says_so(smollm2, tmp_path, command):
    database = tmp_path / "results.sqlite"
    words = (*QUESTIONS, "--db", database, "-q", "--memory-limit", "100MB")
    result = call(command, smollm2, *words)
    assert result.exit_code == (1 if command == "estimate" else 2)
    said = " ".join(result.output.split())
    assert "--memory-limit allows 0.10 GB. No other -b or -c would make it fit" in said
