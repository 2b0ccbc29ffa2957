"""Every chart: what is in it, and when it is not there."""

import json
import math
from dataclasses import replace

import pytest

from ggufeval.report.plots import plots
from ggufeval.types import Estimate

ALL = [
    "differences",
    "accuracy-bits",
    "accuracy-size",
    "accuracy-speed",
    "differences-by-group",
    "flips",
    "divergence",
    "letters",
    "letter-mass",
]


def drawn(comparison):
    return {plot.name: plot for plot in plots(comparison)}


def data_of(plot):
    """All data of a chart, layer by layer."""
    views = plot.spec.get("layer", [plot.spec])
    shared = plot.spec.get("datasets", {})
    found = []
    for view in views:
        data = view.get("data") or plot.spec.get("data")
        found.append(data["values"] if "values" in data else shared[data["name"]])
    return found


def test_in_reading_order(grouped):
    assert [plot.name for plot in plots(grouped)] == ALL
    assert all(plot.title and plot.sentence.endswith(".") for plot in plots(grouped))


def test_they_carry_their_data_and_name_no_address(grouped):
    for plot in plots(grouped):
        text = json.dumps(plot.spec, allow_nan=False)
        assert "://" not in text
        assert "url" not in text
        assert plot.spec["background"] == "transparent"
        assert "width" not in plot.spec


def test_accuracy_against_bits(comparison):
    plot = drawn(comparison)["accuracy-bits"]
    band, chance, *_, dots = data_of(plot)[:4]
    assert band == [{"low": pytest.approx(37.2280702), "high": pytest.approx(45.3280702)}]
    assert chance == [{"y": 25.0, "chance": "25.00%"}]
    assert [(d["model"], d["x"]) for d in dots] == [
        ("F16", 16.02),
        ("Q8_0", 8.51),
        ("Q4_K_M†", 6.247),
        ("Q2_K*", 5.214),
    ]
    assert dots[0]["accuracy, %"] == "41.23 [37.23, 45.33]"
    assert [d["tone"] for d in dots] == ["reference", "even", "even", "worse"]
    assert dots[-1]["difference, points"] == "-9.47 [-13.65, -5.27]"


def test_the_front_is_what_no_other_beats(comparison):
    front, *_ = data_of(drawn(comparison)["accuracy-speed"])
    speeds = [round(each["x"], 2) for each in front]
    assert speeds == [round(570 / 121.4, 2), round(570 / 99.6, 2)]


def test_differences_and_the_margin(comparison):
    zero, margin, _, dots = data_of(drawn(comparison)["differences"])
    assert (zero, margin[0]["x"]) == ([{"x": 0.0}], -1.0)
    assert [round(d["value"], 2) for d in dots] == [0.18, -1.05, -9.47]
    assert [(d["lost"], d["won"]) for d in dots] == [("12", "13"), ("31", "25"), ("104", "50")]


def test_groups_that_are_too_small_have_no_interval(grouped):
    _, _, dots = data_of(drawn(grouped)["differences-by-group"])
    first, last = dots[0], dots[-1]
    assert first["subject"] == "high school government and politics"
    assert first["difference, points"] == "+0.52 [-4.55, +5.45]"
    assert (last["subject"], last["difference, points"]) == ("virology", "-33.33")
    assert "low" in first
    assert "low" not in last


def test_flips_and_the_floor(floored, comparison):
    bars, ticks = data_of(drawn(floored)["flips"])
    assert [(d["model"], d["n"]) for d in bars[:2]] == [("Q8_0", -12), ("Q8_0", 13)]
    # 2 of 160 flip of themselves: 570/160 of them each way.
    assert [d["n"] for d in ticks] == pytest.approx([-570 / 160, 570 / 160])
    assert "ticks" in drawn(floored)["flips"].sentence
    assert len(data_of(drawn(comparison)["flips"])) == 1


def test_letters_and_their_mass(comparison):
    (letters,) = data_of(drawn(comparison)["letters"])
    assert letters[0]["answers"] == "26.32% (150 of 570)"
    (mass,) = data_of(drawn(comparison)["letter-mass"])
    assert [d["value"] for d in mass] == [0.998, 0.998, 0.9912, 0.4021]


def test_what_there_is_no_data_for_is_left_out(single, cloze, at_chance, stopped):
    assert list(drawn(single)) == ["letters", "letter-mass"]
    assert not {"divergence", "letter-mass"} & drawn(cloze).keys()
    assert {d["tone"] for d in data_of(drawn(at_chance)["differences"])[-1]} == {"even"}
    assert "accuracy-bits" in drawn(stopped)


@pytest.mark.parametrize(
    ("numbers", "tone"),
    [
        ((0.02, 0.01, 0.03), "better"),
        ((-0.02, -0.03, -0.01), "worse"),
        ((0.01, 0.0, 0.02), "even"),
        ((0.0, 0.0, 0.0), "even"),
    ],
)
def test_tones(comparison, numbers, tone):
    first = comparison.candidates[0]
    difference = replace(first.difference, micro=Estimate(*numbers))
    changed = replace(comparison, candidates=(replace(first, difference=difference),))
    assert data_of(drawn(changed)["differences"])[-1][0]["tone"] == tone


def test_figures_that_are_missing(comparison):
    def unknown(score):
        model = replace(score.run.model, size_bytes=0, bits_per_weight=0.0)
        return replace(
            score,
            run=replace(score.run, model=model),
            questions_per_second=math.nan,
            letter_mass=math.nan,
        )

    bare = replace(
        comparison,
        reference=unknown(comparison.reference),
        candidates=tuple(replace(c, score=unknown(c.score)) for c in comparison.candidates),
    )
    names = drawn(bare).keys()
    assert not {"accuracy-bits", "accuracy-size", "accuracy-speed", "letter-mass"} & names
    assert "differences" in names


def test_names_are_data(comparison, rename):
    names = ["datum.x[0]", "'];alert(1)//", "\x1b[31m{{7*7}}", "a.b\\c"]
    plot = drawn(rename(comparison, *names))["differences"]
    assert [d["model"] for d in data_of(plot)[-1]] == [
        "'];alert(1)//",
        "\\x1b[31m{{7*7}}†",
        "a.b\\c*",
    ]
    spec = {key: value for key, value in plot.spec.items() if key != "datasets"}
    text = json.dumps([{k: v for k, v in layer.items() if k != "data"} for layer in spec["layer"]])
    assert text.count("alert") == 2, "in the order of the axis alone"
