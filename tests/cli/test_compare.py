"""`compare` and `report` on runs that no model had to make."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from ggufeval import api
from ggufeval.cli import _results, cli
from ggufeval.store import Store
from ggufeval.types import (
    BuildInfo,
    Design,
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Question,
    Record,
    Run,
    RunStatus,
)

N = 900
SUBJECTS = ("anatomy", "astronomy", "philosophy")
QUESTIONS = tuple(
    Question(f"q/{i}", SUBJECTS[i % 3], f"Which {i}?", ("a", "b", "c", "d"), 0) for i in range(N)
)
RUN = Run(
    "",
    ModelInfo("Tiny F16", "m.gguf", "m", 4_000_000, "llama", 1, "F16", {}, 16.0, 1.0),
    Fingerprint(
        "m", "p", "q", "mmlu", 0, "letter", "g",
        EngineSettings(4096, 512, 512, 64, 2, 0, "on"),
        BuildInfo("0.3.36", "", "libraries", "AVX2", ("CPU",)),
    ),
    "mmlu", "s", Design.FULL, dict.fromkeys(SUBJECTS, N // 3), N, 1, RunStatus.RUNNING, "", 0, 0,
    0.0, 0, "",
)  # fmt: skip


def level(name, bits):
    model = replace(
        RUN.model, label=f"Tiny {name}", sha256=name, quantization=name, bits_per_weight=bits
    )
    return replace(RUN, model=model, fingerprint=replace(RUN.fingerprint, model_sha256=name))


def records(n_wrong):
    """The last ones wrong."""
    return [
        Record("", q.id, 0, int(i >= N - n_wrong), i < N - n_wrong, (1.0, 0.0, 0.0, 0.0), 2.0, 0.9,
               1.0, 1, 1.0, 10)
        for i, q in enumerate(QUESTIONS)
    ]  # fmt: skip


@pytest.fixture
def database(tmp_path):
    """F16 has 9 of 900 wrong, Q8_0 the same, Q2_K 90."""
    path = tmp_path / "r.sqlite"
    with Store.open(path) as store:
        for name, bits, n_wrong in (("F16", 16.0, 9), ("Q8_0", 8.5, 9), ("Q2_K", 3.0, 90)):
            run_id = store.begin(level(name, bits), list(QUESTIONS))
            store.add_batch(run_id, 0, "p", records(n_wrong), n_tokens=1, seconds=1.0)
            store.finish(run_id)
    return path


@pytest.fixture
def ask(database):
    def call(*arguments, command="compare"):
        names = ids(database)
        done = CliRunner().invoke(
            cli, [command, *names, *map(str, arguments), "--db", str(database)]
        )
        assert "Traceback" not in done.output
        return done

    return call


def ids(database):
    with Store.open(database, read_only=True) as store:
        return [run.id for run in store.runs()]


def test_the_verdicts_come_first(ask):
    done = ask()
    assert done.exit_code == 0, done.output
    first, second, third = re.split(r"\n\n", done.stdout)[:3]
    assert first.startswith("mmlu: all 900 questions")
    assert second.splitlines() == [
        "Q8_0: within 1 point of F16, +0.00 points [-0.43, +0.43]; of the same size.",
        "Q2_K: over 1 point below F16, -9.00 points [-11.05, -7.25]; of the same size.",
    ]
    assert third.startswith("model")
    assert "for these very questions the differences are exact" in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_margin_and_alpha(ask):
    loose = ask("--margin", 12, "--alpha", 0.2)
    assert "Q2_K: within 12 points of F16" in loose.stdout
    tight = json.loads(ask("--margin", 0.1, "--format", "json").stdout)
    assert (tight["margin"], tight["alpha"]) == (0.001, 0.05)
    assert [model["verdict"] for model in tight["models"]] == [None, "undecided", "worse"]


@pytest.mark.parametrize(
    "wrong",
    [("--margin", -1), ("--margin", "nan"), ("--alpha", 0), ("--alpha", 0.5), ("--alpha", "nan")],
)
def test_margins_that_are_none(ask, wrong):
    done = ask(*wrong)
    assert done.exit_code == 2
    assert f"Invalid value for '{wrong[0]}'" in done.stderr


def test_a_report_has_them_too(ask, tmp_path):
    path = tmp_path / "report.md"
    assert ask("--margin", 2, "-o", path, command="report").exit_code == 0
    assert "within 2 points: Q8" in path.read_text("utf-8")


def test_by_category(ask):
    text = ask("--by", "category").stdout
    assert "\nSTEM        300  99.00  +0.00 [-1.26, +1.26]  -9.00 [-12.78, -5.98]\n" in text
    assert "\nhumanities  300" in text
    assert "\nother       300" in text
    rows = ask("--by", "subject", "--format", "csv").stdout.splitlines()
    assert len(rows) == 1 + 3 * 3


def test_no_such_group(ask):
    assert ask("--by", "letter").exit_code == 2


def test_a_chart_in_the_terminal(ask):
    lines = ask("--chart").stdout.splitlines()
    key, q8, q2, axis = lines[-4:]
    assert key == "difference to F16, points: | none   : margin"
    assert re.match(r"Q8_0 .*o", q8)
    assert re.match(r"Q2_K .*o", q2)
    assert axis.split() == ["-10", "-5", "0"]
    assert max(map(len, lines)) <= 80
    done = ask("--chart", "--format", "json")
    assert done.exit_code == 2
    assert "--chart is drawn below the table: leave out --format." in done.stderr


def test_charts_stand_beside_a_markdown_report(ask, tmp_path):
    path = tmp_path / "my report.md"
    done = ask("-o", path, command="report")
    folder = tmp_path / "my report-charts"
    assert done.stdout.splitlines()[0] == str(path)
    linked = re.findall(
        r"!\[[^\]]+: [^\]]+\]\(my%20report-charts/([\w-]+)\.png\)", path.read_text()
    )
    assert len(linked) >= 5
    assert sorted(linked) == sorted(file.stem for file in folder.glob("*.png"))
    assert sorted(linked) == sorted(file.stem for file in folder.glob("*.svg"))


def test_charts_in_a_folder_of_ones_own(ask, tmp_path):
    path, folder = tmp_path / "report.csv", tmp_path / "all" / "charts"
    done = ask("-o", path, "--charts", folder, command="report")
    assert done.exit_code == 0, done.output
    found = sorted(folder.iterdir())
    assert done.stdout.splitlines() == [str(path), f"{folder}: {len(found)} files"]
    markdown = tmp_path / "other" / "report.md"
    markdown.parent.mkdir()
    ask("-o", markdown, "--charts", folder, command="report")
    assert "(../all/charts/differences.png)" in markdown.read_text("utf-8")
    assert not (tmp_path / "other" / "report-charts").exists()


@pytest.mark.parametrize("found", [True, False])
def test_it_opens_in_a_browser(ask, tmp_path, monkeypatch, found):
    asked = []
    monkeypatch.setattr("webbrowser.open", lambda url: asked.append(url) or found)
    path = tmp_path / "my report.html"
    done = ask("-o", path, "--open", command="report")
    assert done.exit_code == 0
    assert asked == [path.as_uri()]
    assert ("No browser was found" in done.stderr) is not found


def test_a_sweep_says_where_its_charts_are(database, tmp_path, capsys):
    with Store.open(database) as store:
        sweep = store.begin_sweep()
        for run in store.runs():
            store.add_to_sweep(sweep, run.id)
    values = {"format_name": "csv", "quiet": False}
    _results.tell(api.compare(database), tmp_path / "r.md", values)
    assert capsys.readouterr().err.split("\n")[1:] == [
        f"Report: {tmp_path / 'r.md'}",
        f"Charts: {tmp_path / 'r-charts'}",
        "",
    ]
    _results.tell(api.compare(database), tmp_path / "r.csv", values)
    assert "Charts" not in capsys.readouterr().err
