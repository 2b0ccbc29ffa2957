"""`check`: a model beside a published figure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from ggufeval.catalog import entries
from ggufeval.cli import cli
from ggufeval.types import PublishedScore

MODEL = "smollm2-135m-instruct"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """What one test has run, the others find."""
    return tmp_path_factory.mktemp("check") / "r.sqlite"


@pytest.fixture
def publish(monkeypatch, database):
    """Publish figures for SmolLM2, and check it against the first on 16 questions."""

    def check(*figures, model=MODEL, arguments=()):
        known = entries.entry(MODEL)
        monkeypatch.setattr(entries, "entry", lambda _: replace(known, published=figures))
        command = ["check", model, "--limit", "16", "--db", str(database), *arguments]
        return CliRunner().invoke(cli, command)

    return check


def figure(percent, **changes):
    published = PublishedScore(
        quantization="Q4_1",
        task="sample",
        prompt="chat",
        shots=1,
        average="macro",
        accuracy=percent / 100,
        allowance=0.01,
        source="our own records",
    )
    return replace(published, **changes)


def test_a_figure_inside_the_interval(publish):
    result = publish(figure(25))
    assert result.exit_code == 0, result.output
    assert "SmolLM2-135M-Instruct Q4_1, prompt chat, 1 shots,\n" in result.stdout
    assert "16 of the 160 questions of sample." in result.stdout
    assert "published  25.00%  our own records" in result.stdout
    assert "1.0 points for another engine's arithmetic" in result.stdout
    assert "The published figure lies where it should.\n" in result.stdout
    assert result.stdout.endswith("The interval is wide: so few questions cannot tell much.\n")


def test_a_figure_outside_is_looked_into(publish):
    result = publish(figure(99))
    assert result.exit_code == 1, result.output
    assert "The published figure does NOT lie where it should." in result.stdout
    said = result.stdout.split("What usually is wrong")[1]
    assert "  ok  1 shots in every prompt; 1 were published." in said
    assert "  ok  134,515,008 weights; the model should have 134,515,008." in said
    assert "  ok  The level is Q4_1; Q4_1 was published." in said
    assert "  ok  The vocabulary asks for no BOS." in said
    assert "  ok  Today's date is not in the prompt." in said
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_another_level_never_passes(publish, made):
    result = publish(figure(25), arguments=("-m", str(made("F16"))))
    assert result.exit_code == 1, result.output
    assert "SmolLM2-135M-Instruct F16, prompt chat" in result.stdout
    said = result.stdout.split("But this is not what the figure is of:")[1]
    assert said.strip() == "!!  The level is F16 that was made from Q4_1; Q4_1 was published."


def test_questions_of_another_set_are_refused(publish, tmp_path):
    (tmp_path / "own.csv").write_text("question,A,B,answer\nTwo?,1,2,B\n", encoding="utf-8")
    result = publish(figure(25, shots=0), arguments=("--data", str(tmp_path / "own.csv")))
    assert result.exit_code == 2
    assert "the figure was published for sample; --data has questions of " in result.stderr


def test_a_folder_of_two_models_is_refused(publish, made, tmp_path):
    for quantization in ("F16", "Q4_0"):
        (tmp_path / f"model-{quantization}.gguf").symlink_to(made(quantization))
    result = publish(figure(25), arguments=("-m", str(tmp_path)))
    assert result.exit_code == 2
    assert "one model was expected, and there are 2." in result.stderr


def test_the_recorded_figure_holds(tmp_path):
    result = CliRunner().invoke(cli, ["check", MODEL, "--db", str(tmp_path / "r.sqlite")])
    assert result.exit_code == 0, result.output
    assert "160 of the 160 questions of sample." in result.stdout
    assert "published  24.38%" in result.stdout


def test_a_model_without_a_figure(publish):
    result = publish()
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: smollm2-135m-instruct: no published figure is known to check against.\n"
    )


def test_a_model_that_is_unknown():
    result = CliRunner().invoke(cli, ["check", "llama-3.2-1b-instrukt"])
    assert result.exit_code == 2
    assert "Known: llama-3.2-1b-instruct, llama-3.2-3b-instruct" in result.stderr
