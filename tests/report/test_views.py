"""The models once more, in every report that has it."""

import csv
import io
import json
from dataclasses import replace

import pytest

from ggufeval.report import csvfile, html, jsonfile, markdown, terminal
from ggufeval.report.views import view_tables
from ggufeval.types import Estimate, View, ViewScore

AT_80 = """\
Without defective questions
model    accuracy              difference              lost/won
────────────────────────────────────────────────────────────────
F16      42.05 [38.05, 46.05]  reference
Q8_0     41.99 [37.99, 45.99]  -0.06 [-1.75, +1.75]       11/12
Q4_K_M†  40.95 [36.95, 44.95]  -1.10 [-3.67, +1.56]       29/24
Q2_K*    32.05 [28.05, 36.05]  -10.00 [-13.65, -5.27]    100/45
Without the 31 questions marked as defective in redux.csv, of 250 with a label
among the 570 compared. The other 320 have no label, and stay. Accuracy in %,
difference in points, with 95% intervals; no verdict follows.
"""
WEIGHTED = """\
With your weights
model    accuracy              difference              lost/won
────────────────────────────────────────────────────────────────
"""
LEGEND = (
    "Each subject counts as a whole, with its weight in w.csv, whatever its size. It has 2 names "
    "without a match here. 10 of 570 questions have the weight 0. The 560 tell as much as 123 of "
    "equal weight. Accuracy in %, difference in points, with 95% intervals; no verdict follows."
)


def around(value, down=0.04, up=0.04):
    return Estimate(value, value - down, value + up)


def seen(run_id, accuracy, difference=None, lost=0, won=0):
    return ViewScore(run_id, around(accuracy), difference, lost, won)


SCORES = (
    seen("run-F16", 0.4205),
    seen("run-Q8_0", 0.4199, Estimate(-0.0006, -0.0175, 0.0175), 11, 12),
    seen("run-Q4_K_M", 0.4095, Estimate(-0.011, -0.0367, 0.0156), 29, 24),
    seen("run-Q2_K", 0.3205, Estimate(-0.1, -0.1365, -0.0527), 100, 45),
)
REDUX = View("redux", "redux.csv", 539, 31, 539.0, SCORES, n_labelled=250)
WEIGHTS = View("weights", "w.csv", 560, 10, 123.4, SCORES, by="subject", n_unused=2)


@pytest.fixture
def viewed(comparison):
    return replace(comparison, views=(REDUX, WEIGHTS))


def test_in_the_terminal(viewed, comparison):
    text = terminal.draw(viewed)
    assert AT_80 in text
    assert WEIGHTED in text
    assert LEGEND in " ".join(text.split())
    assert "Without defective" not in terminal.draw(comparison)


@pytest.mark.parametrize("width", [50, 60, 80, 100, 200])
def test_no_line_is_longer_than_the_terminal(viewed, width):
    shown = terminal.draw(replace(viewed, groups=()), width).partition("Without defective")[2]
    lines = shown.partition("\n\naccuracy:")[0].splitlines()
    assert max(map(len, lines)) <= width


def test_other_legends(viewed):
    def legend(**fields):
        (table,) = view_tables(replace(viewed, views=(replace(REDUX, **fields),)))
        return table.legend.partition(" Accuracy")[0]

    assert legend(n_labelled=570, n_left_out=1) == (
        "Without the 1 question marked as defective in redux.csv, of 570 with a label among the "
        "570 compared."
    )
    assert legend(name="weights", by="question_id", n_left_out=0) == (
        "Each question counts with its weight in redux.csv; lost/won count answers. The 539 tell "
        "as much as 539 of equal weight."
    )


def test_a_reference_alone_is_compared_with_nothing(viewed):
    alone = replace(viewed, candidates=(), views=(replace(REDUX, scores=SCORES[:1]),))
    (table,) = view_tables(alone)
    assert table.headers == ("model", "accuracy")
    assert table.cells == (("SmolLM2-135M-Instruct F16", "42.05 [38.05, 46.05]"),)
    assert table.legend.endswith("Accuracy in %, with its 95% interval; no verdict follows.")
    assert "42.05 [38.05, 46.05]" in terminal.draw(alone)


def test_markdown(viewed, comparison):
    text = markdown.render(viewed)
    assert (
        "Without defective questions:\n\n| model | accuracy | difference | lost/won |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| F16 | 42.05 [38.05, 46.05] | reference |  |\n"
        "| Q8_0 | 41.99 [37.99, 45.99] | -0.06 [-1.75, +1.75] | 11/12 |\n"
    ) in text
    assert LEGEND in text
    assert "With your weights" not in markdown.render(comparison)


def test_html(viewed, comparison):
    page = html.render(viewed)
    for view in view_tables(viewed):
        assert f"<h2>{view.title}</h2>" in page
    assert '<td data-name="difference" class="wide">\u221210.00 [\u221213.65, \u22125.27]' in page
    assert page.count("Without defective questions") == 1
    assert "Without defective questions" not in html.render(comparison)


def test_json(viewed, comparison, schema):
    tree = json.loads(jsonfile.render(viewed))
    schema.validate(tree)
    found = tree["views"]
    assert [(each["view"], each["run"]) for each in found[:4]] == [
        ("redux", score.run_id) for score in SCORES
    ]
    assert len(found) == 8
    first, *_, last = found
    assert (first["role"], first["difference"], first["lost"]) == ("reference", None, None)
    assert (first["n"], first["n_left_out"], first["n_labelled"]) == (539, 31, 250)
    assert (last["model"], last["difference_high"]) == ("SmolLM2-135M-Instruct Q2_K", -0.0527)
    assert (last["by"], last["n_effective"], last["n_unused"]) == ("subject", 123.4, 2)
    assert "views" not in json.loads(jsonfile.render(comparison))


def test_csv(viewed, comparison):
    lines = list(csv.DictReader(io.StringIO(csvfile.render(viewed))))
    assert lines[0]["redux_accuracy"] == "0.4205"
    assert lines[0]["redux_difference"] == ""
    assert (lines[3]["redux_lost"], lines[3]["weights_n_left_out"]) == ("100", "10")
    assert not [key for key in lines[0] if key.endswith("_run")]
    assert "redux" not in csvfile.render(comparison)


def test_a_files_name_is_shown_as_it_is(viewed):
    hostile = replace(viewed, views=(replace(REDUX, source="\x1b[31m<b>|x`.csv"),))
    assert r"\x1b[31m<b>|x`.csv" in terminal.draw(hostile)
    assert "\x1b" not in terminal.draw(hostile)
    assert "\\|x\\`" in markdown.render(hostile)
    assert "<b>|x" not in html.render(hostile)
    assert "&lt;b&gt;|x" in html.render(hostile)
