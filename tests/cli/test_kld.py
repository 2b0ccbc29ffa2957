"""`--kld` as a user has it: what is said beforehand, and what `compare` shows afterwards."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ggufeval.cli import cli

ASKED = ("--task", "sample", "--limit", 16, "--shots", 1)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("kld") / "results.sqlite"


@pytest.fixture(scope="module")
def swept(database, small) -> Result:
    result = run("sweep", small("F16"), small("Q4_0"), *ASKED, "--kld", 6, "--db", database)
    assert result.exit_code == 0, result.output
    return result


def test_sweep_tells_the_size_beforehand(swept, database):
    told = (
        "Keeps the full log-probabilities of 6 questions at each of 2 levels: about 767 kB in "
        f"{database}"
    )
    assert told in swept.stderr
    assert swept.stderr.index(told) < swept.stderr.index("of 16 questions")


def test_the_size_is_about_as_told(swept, database):
    with sqlite3.connect(database) as db:
        (size,) = db.execute("SELECT SUM(LENGTH(logprobs)) FROM vocabulary_logprobs").fetchone()
    assert size == pytest.approx(767_000, rel=0.1)


def test_sweep_and_compare_show_the_divergence(swept, database):
    title = "Divergence over the whole vocabulary, 6 positions"
    assert title in swept.stdout
    compared = run("compare", "--db", database)
    assert title in compared.stdout
    assert max(map(len, compared.stdout.splitlines())) <= 80
    q4_0 = json.loads(run("compare", "--db", database, "--format", "json").stdout)["models"][1]
    assert (q4_0["vocabulary_n"], q4_0["vocabulary_n_vocab"]) == (6, 49_152)
    assert 0 < q4_0["vocabulary_kld_minimum"] < q4_0["vocabulary_kld_maximum"]
    assert title in (database.parent / "report.html").read_text(encoding="utf-8")


def test_run_asks_a_finished_run_again_for_what_it_lacks(swept, database, small):
    told = "answers are there without the probabilities of all tokens (--kld), and are asked for"
    assert told not in swept.stderr
    result = run("run", small("Q4_0"), *ASKED, "--kld", 100, "--db", database)
    assert result.exit_code == 0, result.output
    assert told in " ".join(result.stderr.split())
    assert "log-probabilities of 16 questions: about 1 MB in" in result.stderr
    again = run("run", small("Q4_0"), *ASKED, "--kld", 100, "--db", database)
    assert told not in " ".join(again.stderr.split())
    assert again.stdout == result.stdout

    reference = run("run", small("F16"), *ASKED, "--db", database)
    ids = reference.stdout.strip(), result.stdout.strip()
    compared = run("compare", *ids, "--db", database, "--format", "json")
    _, q4_0 = json.loads(compared.stdout)["models"]
    assert q4_0["vocabulary_n"] == 6  # what both have


def test_a_dry_run_tells_it_too(small, tmp_path):
    database = tmp_path / "results.sqlite"
    result = run("sweep", small("Q4_0"), *ASKED, "--kld", 6, "--db", database, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "Keeps the full log-probabilities of 6 questions: about 383 kB" in result.stderr
    assert not database.exists()


@pytest.mark.parametrize("command", ["run", "sweep"])
@pytest.mark.parametrize("read", ["sample", "cloze"])
def test_only_where_a_letter_is_read(small, tmp_path, command, read):
    database = tmp_path / "results.sqlite"
    arguments = (command, small("Q4_0"), *ASKED, "--kld", 6, "--read", read, "--db", database)
    result = run(*arguments)
    assert result.exit_code == 2
    assert f"--read letter was expected, found {read}. Leave out one" in result.output
    assert not database.exists()


def test_none_is_no_number(small):
    result = run("run", small("Q4_0"), *ASKED, "--kld", 0)
    assert result.exit_code == 2
    assert "0 is not in the range x>=1" in result.output
