"""Subjects and categories in every report that has them."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from ggufeval.report import csvfile, jsonfile, markdown, terminal
from ggufeval.report.groups import group_legend

AT_80 = """\
subject                    n    F16  Q8_0                  Q4_K_M†
────────────────────────────────────────────────────────────────────────────────
high school government   193  62.18  +0.52 [-4.55, +5.45]  -1.55 [-6.62, +3.38]
and politics
virology                   9  33.33  +0.00                 -11.11

subject                                n    F16  Q2_K*
────────────────────────────────────────────────────────────────────────
high school government and politics  193  62.18  -10.88 [-15.95, -5.95]
virology                               9  33.33  -33.33
"""


def test_at_80_columns(grouped):
    assert AT_80 in terminal.draw(grouped)


@pytest.mark.parametrize("width", [60, 72, 80, 100, 200])
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_no_line_is_longer_than_the_terminal(grouped, width, n):
    groups = tuple(
        replace(g, differences=g.differences[:n], accuracies=g.accuracies[: n + 1])
        for g in grouped.groups
    )
    some = replace(grouped, candidates=grouped.candidates[:n], groups=groups)
    text = terminal.draw(some, width)
    assert max(len(line) for line in text.splitlines()) <= width
    shown = re.findall(r"virology(?: +\S+)+", text)
    assert shown[0].split()[1:3] == ["9", "33.33"]


def test_legends(grouped, comparison):
    assert group_legend(grouped) == (
        "n: questions; F16: accuracy, in %; the others: difference, in points, with its paired 95% "
        "interval, each by itself: of 3 intervals some miss; below 10 questions there is none."
    )
    assert group_legend(comparison) == ""
    alone = replace(grouped, candidates=(), groups=grouped.groups[:1])
    assert group_legend(alone) == "n: questions; SmolLM2-135M-Instruct F16: accuracy, in %."


def test_markdown(grouped):
    assert (
        "By subject:\n\n| subject | n | F16 | Q8_0 | Q4_K_M† | Q2_K\\* |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| high school government and politics | 193 | 62.18 | +0.52 [-4.55, +5.45] | "
        "-1.55 [-6.62, +3.38] | -10.88 [-15.95, -5.95] |\n"
        "| virology | 9 | 33.33 | +0.00 | -11.11 | -33.33 |\n"
    ) in markdown.render(grouped)


def test_csv_has_a_row_a_group_and_model(grouped):
    rows = list(csv.DictReader(io.StringIO(csvfile.render(grouped))))
    assert len(rows) == 8
    assert (rows[0]["role"], rows[0]["difference_micro"]) == ("reference", "")
    last = rows[-1]
    assert (last["by"], last["group"], last["n"]) == ("subject", "virology", "9")
    assert last["model"] == "SmolLM2-135M-Instruct Q2_K"
    assert float(last["difference_micro"]) == -1 / 3
    assert last["task"] == "mmlu"


def test_json_has_an_entry_a_group_and_model(grouped, comparison):
    tree = json.loads(jsonfile.render(grouped))
    assert len(tree["groups"]) == 8
    assert tree["groups"][0]["group"] == "high_school_government_and_politics"
    assert tree["groups"][3]["difference_micro_high"] == -0.1088 + 0.0493
    assert "groups" not in json.loads(jsonfile.render(comparison))
