"""`sweep --until-verdict` and `--budget`, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ggufeval.cli import cli


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def sweep(small, tmp_path: Path):
    def call(*arguments: object) -> Result:
        models = small("F16"), small("Q4_0")
        database = tmp_path / "results.sqlite"
        few = "--task", "sample", "--subjects", "astronomy,anatomy", "--shots", 0
        return run("sweep", *models, "--db", database, "-q", *few, *arguments)

    return call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--until-verdict", "--budget", 5), "give one of them"),
        (("--until-verdict", "--dequantize", "f32"), "leave it out where a run may end early"),
        (("--until-verdict", "--limit", 4, "--dry-run"), "Leave --limit out"),
        (("--until-verdict", "--floor", 5), "leave it out where a run may end early"),
        (("--until-verdict", "--limit", 4), "Leave --limit out"),
        (("--budget", 10_000), "a number below that of the questions"),
        (("--until-verdict", "--permute", "cyclic"), "Leave out one of the two"),
        (("--until-verdict", "--reference", "Q9_9"), "one of the levels was expected"),
    ],
)
def test_what_does_not_go_together_is_refused(sweep, arguments, message):
    result = sweep(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_reference_that_guesses_is_told_and_every_level_has_answers(sweep):
    result = sweep("--until-verdict", "--format", "json")
    assert result.exit_code == 0, result.output
    tree = json.loads(result.stdout)
    assert tree["stopping"] == "verdict"
    assert tree["reference_at_chance"]
    assert [model["n"] for model in tree["models"]] == [20, 20]
    assert {model["verdict"] for model in tree["models"]} == {None}


def test_a_budget_is_compared_and_reported(sweep, tmp_path):
    result = sweep("--budget", 8, "--format", "json")
    assert result.exit_code == 0, result.output
    tree = json.loads(result.stdout)
    assert tree["stopping"] == "budget 8"
    reference, level = tree["models"]
    assert (reference["quantization"], level["quantization"]) == ("F16", "Q4_0")
    assert (reference["n"], level["n"]) == (tree["n_population"], 8)
    assert (reference["status"], level["status"]) == ("done", "stopped")
    assert "8" in (tmp_path / "report.html").read_text()
    again = run("compare", "--db", tmp_path / "results.sqlite", "--format", "json")
    assert json.loads(again.stdout)["models"] == tree["models"]


def test_groups_of_runs_that_ended_early_are_refused(sweep, tmp_path):
    assert sweep("--budget", 8).exit_code == 0
    result = run("compare", "--db", tmp_path / "results.sqlite", "--by", "subject")
    assert result.exit_code == 2
    assert "without --by" in result.stderr
