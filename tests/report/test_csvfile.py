import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from ggufeval.report import csvfile

GOLDEN = Path(__file__).parent / "golden" / "comparison.csv"


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_golden(comparison):
    assert csvfile.render(comparison) == GOLDEN.read_text("utf-8")


def test_full_precision_and_empty_fields(comparison):
    reference, _, _, last = read(csvfile.render(comparison))
    assert float(last["difference_micro"]) == -54 / 570
    assert float(last["mcnemar_p"]) == 0.0000124
    assert float(last["mcnemar_p_holm"]) == 0.0000372
    assert reference["difference_micro"] == reference["lost"] == ""
    assert (reference["role"], last["role"]) == ("reference", "candidate")
    assert (reference["starred"], last["starred"]) == ("false", "true")


def test_a_single_run(single):
    (row,) = read(csvfile.render(single))
    assert row["accuracy_micro"] == repr(235 / 570)


def test_at_chance(at_chance):
    assert {row["reference_at_chance"] for row in read(csvfile.render(at_chance))} == {"true"}


@pytest.mark.parametrize(
    ("label", "field"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1+1", "'  =1+1"),
        ("a=b", "a=b"),
        ('quote " comma , pipe |', 'quote " comma , pipe |'),
        ("line\nbreak\t\x1b", r"line\nbreak\t\x1b"),
    ],
)
def test_labels_are_no_formulas(comparison, rename, label, field):
    rows = read(csvfile.render(rename(comparison, label, "b", "c", "d")))
    assert rows[0]["model"] == field
    assert len(rows) == 4


def test_what_is_not_defined_is_empty(sampled, rotate):
    rows = read(csvfile.render(rotate(sampled)))
    assert {row["letter_mass"] for row in rows} == {row["mcnemar_p"] for row in rows} == {""}
    assert [row["n_no_choice"] for row in rows] == ["0", "0", "0", "3"]
    assert rows[0]["accuracy_position_D_low"] == repr(235 / 570 - 0.02 - 0.04)
    assert rows[1]["same_in_all_rotations"] == "0.4"
    assert list(rows[0])[-1] == "unjudged"


def test_what_one_model_alone_has_is_empty_for_the_others(comparison, cloze):
    mixed = replace(comparison, reference=cloze.reference)
    rows = read(csvfile.render(mixed))
    assert [row["accuracy_summed"] for row in rows] == ["0.3421", "", "", ""]
