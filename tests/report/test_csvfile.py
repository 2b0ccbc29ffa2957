import csv
import io
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
