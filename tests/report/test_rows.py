from dataclasses import replace

import pytest

from ggufeval.report.rows import common_words, is_exact, rows, tensor_mix
from ggufeval.types import Design, Estimate


def test_every_cell_of_a_candidate(comparison):
    row = rows(comparison)[3]
    cells = {
        name: getattr(row, name) for name in row.__slots__ if name not in {"score", "candidate"}
    }
    assert cells == {
        "label": "SmolLM2-135M-Instruct Q2_K",
        "name": "Q2_K*",
        "size": "88 MB",
        "bits": "5.21",
        "micro": "31.75",
        "micro_interval": "[27.75, 35.85]",
        "macro": "31.75",
        "macro_interval": "[27.75, 35.75]",
        "difference": "-9.47",
        "difference_interval": "[-13.65, -5.27]",
        "lost": "104",
        "won": "50",
        "p": "<.001",
        "letter_mass": "0.402",
        "questions_per_second": "0.15",
        "tokens_per_second": "33.1",
        "time": "1:02:05",
        "memory": "1.32 GB",
    }
    assert row.accuracy == "31.75 [27.75, 35.85]"
    assert row.change == "-9.47 [-13.65, -5.27]"
    assert row.flips == "104/50"


def test_the_reference_comes_first_and_has_no_difference(comparison):
    row = rows(comparison)[0]
    assert (row.name, row.change, row.flips, row.lost, row.p) == ("F16", "reference", "", "", "")


def test_marks(comparison):
    assert [row.name for row in rows(comparison)] == ["F16", "Q8_0", "Q4_K_M†", "Q2_K*"]


@pytest.mark.parametrize(
    ("labels", "names", "common"),
    [
        (["M F16", "M Q8_0", "M Q4_0", "M Q2_K"], ["F16", "Q8_0", "Q4_0", "Q2_K"], "M"),
        (["M Q4_K_M", "M Q4_K_S", "M Q4_0", "M F16"], ["Q4_K_M", "Q4_K_S", "Q4_0", "F16"], "M"),
        (["L-3.2-1B X", "L-3.2-3B X", "L-3.2-1B Y", "L-3.2-3B Y"], None, "L-3.2"),
        (["a", "b", "c", "d"], ["a", "b", "c", "d"], ""),
        (["M", "M F16", "M Q8_0", "M Q2_K"], ["M", "M F16", "M Q8_0", "M Q2_K"], ""),
        (["", "M", "M", " "], None, ""),
    ],
)
def test_common_words_are_said_once(comparison, rename, labels, names, common):
    named = rename(comparison, *labels)
    if names:
        assert [row.name.rstrip("*†") for row in rows(named)] == names
    assert common_words(named) == common


def test_equal_labels_are_told_apart_by_their_runs(comparison, rename):
    found = rows(rename(comparison, "M F16", "M Q8_0", "M Q8_0", "M Q2_K"))
    assert [row.name for row in found] == ["F16", "Q8_0 (run-Q8_0)", "Q8_0† (run-Q4_K)", "Q2_K*"]


def test_a_very_long_name_is_clipped_but_not_its_label(comparison, rename):
    row = rows(rename(comparison, "x" * 500, "b", "c", "d"))[0]
    assert len(row.name) == 60
    assert len(row.label) == 500


def test_no_p_where_the_reference_is_at_chance(at_chance):
    assert [row.p for row in rows(at_chance)] == ["", "-", "-", "-"]


def test_memory_that_was_not_measured(comparison):
    run = replace(comparison.reference.run, peak_rss_bytes=0)
    found = rows(replace(comparison, reference=replace(comparison.reference, run=run)))
    assert found[0].memory == "-"


def test_tensor_mix_leaves_out_what_rounds_to_nothing(comparison):
    model = comparison.reference.run.model
    assert tensor_mix(model) == "F16 100%"
    assert tensor_mix(replace(model, tensor_types={"b": 1, "a": 1})) == "a 50%, b 50%"
    assert tensor_mix(replace(model, tensor_types={})) == ""


def test_exact_is_only_a_full_run_without_width(comparison):
    point = Estimate(0.4, 0.4, 0.4)
    full = replace(comparison, design=Design.FULL, n_population=570)
    assert is_exact(full, point)
    assert not is_exact(full, Estimate(0.4, 0.3, 0.5))
    assert not is_exact(comparison, point)
    assert not is_exact(replace(full, n_population=571), point)
