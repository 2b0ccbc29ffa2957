"""The ladder as a user climbs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ggufeval.cli import cli
from ggufeval.store import Store


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["ladder", *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("ladder")


@pytest.fixture(scope="module")
def arguments(made, folder) -> list[object]:
    asked = ["--task", "sample", "--limit", 16, "--rungs", "1,7"]
    return [made("Q4_0"), *asked, "--db", folder / "results.sqlite"]


@pytest.fixture(scope="module")
def climbed(arguments) -> Result:
    return run(*arguments)


def test_it_prints_one_table_of_80_columns(climbed):
    assert climbed.exit_code == 0, climbed.output
    assert "1 answer-line" in climbed.stdout
    assert "Rung 7, n/a: the prompt style `meta-system` needs" in " ".join(climbed.stdout.split())
    assert max(map(len, climbed.stdout.splitlines())) <= 80


def test_it_tells_what_it_does_and_where_things_are(climbed, folder):
    assert "Rung 1, answer-line, as studied" in climbed.stderr
    assert "Rung 1, answer-line, under the grammar" in climbed.stderr
    assert f"Report: {folder / 'ladder.html'}" in climbed.stderr
    assert "<svg" in (folder / "ladder.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["ladder.md", "ladder.csv", "ladder.json"])
def test_the_same_command_writes_other_reports_without_running(arguments, climbed, folder, name):
    with Store.open(folder / "results.sqlite", read_only=True) as store:
        before = store.runs()
    result = run(*arguments, "-q", "-o", folder / name, "--format", "json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    with Store.open(folder / "results.sqlite", read_only=True) as store:
        assert store.runs() == before
    rungs = json.loads(result.stdout)["rungs"]
    assert [rung["rung"] for rung in rungs] == [1, 7]
    assert (folder / name).stat().st_size > 100


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--rungs", "9"], "--rungs 9: there are rungs 1 to 8."),
        (["--rungs", "1,3-2"], "3-2 has none; say 2-3."),
        (["--task", "meta-rows"], "prompts that are fixed cannot be put otherwise."),
        (["-o", "ladder.pdf"], "ladder.pdf: its ending was expected to be one of"),
    ],
)
def test_mistakes_are_told_before_anything_is_run(arguments, wrong, said):
    result = run(*arguments, *wrong)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_one_level_is_climbed(made, folder):
    levels = folder / "levels"
    levels.mkdir()
    for name in ("Q4_0", "F16"):
        (levels / made(name).name).symlink_to(made(name))
    result = run(levels, "--task", "sample", "--db", folder / "none.sqlite")
    assert result.exit_code == 2
    assert "one level was expected, and there are 2: SmolLM2" in " ".join(result.output.split())
