"""Weights or arithmetic, in every report that has it."""

import json
from dataclasses import replace

import pytest

from ggufeval.report import html, jsonfile, markdown, terminal
from ggufeval.report.decompositions import decomposition_legend
from ggufeval.report.notes import notes
from ggufeval.report.rows import rows
from ggufeval.types import Candidate, Decomposition, Difference, Estimate

AT_80 = """\
Weights or arithmetic
level         in all           weights          arithmetic      lost/won
─────────────────────────────────────────────────────────────────────────
Q2_K as F32*  -9.47            -8.42            -1.05              31/25
              [-13.65, -5.27]  [-12.60, -4.22]  [-3.67, +1.56]
"""
AT_60 = """\
Weights or arithmetic
                                             arithmetic
level        in all          weights         lost/won
───────────────────────────────────────────────────────────
Q2_K as F32* -9.47           -8.42           -1.05
             [-13.65, -5.27] [-12.60, -4.22] [-3.67, +1.56]
                                             31/25
"""


def part(lost, won, value, low, high):
    estimate = Estimate(value, low, high)
    return Difference(lost, won, 0, estimate, estimate, 0.5)


@pytest.fixture
def written_out(comparison):
    """The comparison with Q2_K's weights written out in F32 as a fourth candidate."""
    level = comparison.candidates[2]
    model = replace(
        level.score.run.model,
        label="SmolLM2-135M-Instruct Q2_K as F32",
        quantization="F32",
        quantized_from="Q2_K",
        requantized_from="Q2_K",
        dequantized_from=level.score.run.model.sha256,
    )
    run = replace(level.score.run, id="run-F32", model=model)
    weights = part(92, 44, -48 / 570, -0.126, -0.0422)
    twin = Candidate(replace(level.score, run=run), weights, level.judgement, 0.01)
    parts = Decomposition(
        run_id="run-Q2_K",
        dequantized_id="run-F32",
        total=level.difference,
        weights=weights,
        arithmetic=part(31, 25, -6 / 570, -0.0367, 0.0156),
    )
    candidates = (*comparison.candidates, twin)
    return replace(comparison, candidates=candidates, decompositions=(parts,))


def test_in_the_terminal(written_out):
    assert AT_80 in terminal.draw(written_out)
    assert AT_60 in terminal.draw(written_out, 60)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_longer_than_the_terminal(written_out, width):
    lines = terminal.draw(written_out, width).splitlines()
    assert max(map(len, lines)) <= width


def test_its_name_tells_it_from_full_precision(written_out):
    names = [row.name for row in rows(written_out)]
    assert names == ["F16", "Q8_0", "Q4_K_M†", "Q2_K*", "Q2_K as F32*"]


def test_it_is_no_lossy_copy_unless_its_level_is(written_out):
    said = notes(written_out)
    assert "as F32: the level's weights written out in F32, exactly." in said
    assert [note for note in said if "lossy" in note] == [
        "Q4_K_M† (from Q4_1): made from a file that was lossy already."
    ]
    *others, twin = written_out.candidates
    model = replace(twin.score.run.model, requantized_from="Q4_1", quantization="F16")
    twin = replace(twin, score=replace(twin.score, run=replace(twin.score.run, model=model)))
    again = replace(written_out, candidates=(*others, twin))
    assert rows(again)[-1].name == "Q2_K as F32*†"
    said = notes(again)
    assert "Q4_K_M†, Q2_K as F32*† (from Q4_1): made from a file that was lossy already." in said
    assert "as F16: the level's weights written out in F16, rounded once more." in said


def test_markdown(written_out, comparison):
    text = markdown.render(written_out)
    assert (
        "Weights or arithmetic:\n\n| level | in all | weights | arithmetic | lost/won |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| Q2_K as F32\\* | -9.47 [-13.65, -5.27] | -8.42 [-12.60, -4.22] | "
        "-1.05 [-3.67, +1.56] | 31/25 |\n"
    ) in text
    assert decomposition_legend(written_out) in text
    assert "arithmetic" not in markdown.render(comparison)


def test_html(written_out, comparison):
    page = html.render(written_out)
    assert "<h2>Weights or arithmetic</h2>" in page
    assert '<td data-name="arithmetic" class="wide">\u22121.05 [\u22123.67, +1.56]</td>' in page
    assert "<h2>Weights or arithmetic</h2>" not in html.render(comparison)


def test_json(written_out, comparison, schema):
    tree = json.loads(jsonfile.render(written_out))
    schema.validate(tree)
    (found,) = tree["decompositions"]
    assert found["model"] == "SmolLM2-135M-Instruct Q2_K"
    assert found["written_out"] == "SmolLM2-135M-Instruct Q2_K as F32"
    assert found["arithmetic_micro_low"] == -0.0367
    assert (found["weights_lost"], found["weights_won"]) == (92, 44)
    assert "decompositions" not in json.loads(jsonfile.render(comparison))
