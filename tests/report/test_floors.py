"""The flip floors, in every report."""

import json
from dataclasses import replace

from ggufeval.report import csvfile, html, jsonfile, markdown, terminal
from ggufeval.report.floors import floors
from ggufeval.report.rows import rows

SAID = (
    "F16 0.63% [0.11, 3.45] of 160, Q8_0 1.25% [0.34, 4.44] of 160. "
    "Logits moved by at most (nats): F16 0.210, Q8_0 0.210."
)


def test_known_and_missing(floored):
    assert [row.floor for row in rows(floored)][1:] == ["1.25% [0.34, 4.44] of 160", "", ""]
    (sentence,) = floors(rows(floored))
    assert sentence == (
        "Flip floor, the answers of one file that turn right or wrong when only the batches "
        f"change: {SAID} Not measured: Q4_K_M†, Q2_K*. What a level lost and won holds such flips, "
        "the reference's and its own."
    )


def test_nothing_is_said_where_nothing_is_known(comparison):
    assert floors(rows(comparison)) == []


def test_of_a_single_run(floored):
    (sentence,) = floors(rows(replace(floored, candidates=())))
    assert sentence.endswith(
        "SmolLM2-135M-Instruct F16 0.63% [0.11, 3.45] of 160. "
        "Logits moved by at most (nats): SmolLM2-135M-Instruct F16 0.210."
    )


def test_people_read_it_in_every_report(floored):
    for report in (terminal, markdown, html):
        text = " ".join(report.render(floored).split())
        assert SAID in text
        assert "Not measured: Q4_K_M†, Q2_K" in text


def test_programs_read_it_where_it_is(floored):
    models = json.loads(jsonfile.render(floored))["models"]
    assert [model["flip_floor"] for model in models] == [1 / 160, 2 / 160, None, None]
    first = models[1]
    assert (first["flip_floor_n"], first["flip_floor_flips"], first["flip_floor_changed"]) == (
        160,
        2,
        3,
    )
    assert (first["flip_floor_low"], first["flip_floor_high"]) == (0.0034, 0.0444)
    assert [model["difference_arithmetic"] for model in models] == [None, 0.0081, None, None]
    assert "flip_floor_high" in csvfile.render(floored)
