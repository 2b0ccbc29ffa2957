"""Every format renders every ladder; machines' formats against golden files."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ggufeval import report
from ggufeval.errors import UsageError
from ggufeval.report import ladder as reports

GOLDEN = Path(__file__).parents[1] / "golden"


def test_formats_are_found_by_their_modules():
    assert reports.format_names() == ("csv", "html", "json", "md", "table")
    suffixes = [reports.find_format(name).suffix for name in reports.format_names()]
    assert suffixes == [".csv", ".html", ".json", ".md", ".txt"]


def test_formats_of_comparisons_are_other_ones():
    for name in reports.format_names():
        assert isinstance(report.find_format(name), report.Format)
        assert isinstance(reports.find_format(name), reports.LadderFormat)


@pytest.mark.parametrize("name", reports.format_names())
def test_every_format_renders_everything(name, ladder, some, none, unfinished):
    for shown in (ladder, some, none, unfinished, replace(ladder, rungs=())):
        text = reports.render(name, shown)
        assert text.endswith("\n")
        assert not text.endswith("\n\n") or not shown.rungs
        assert reports.render(name, shown, io.StringIO()).encode("utf-8")


@pytest.mark.parametrize("name", reports.format_names())
def test_undecodable_file_names_can_be_written(name, hostile):
    reports.render(name, hostile("\udcff")).encode("utf-8")


def test_an_unknown_format(ladder):
    with pytest.raises(UsageError, match="no report format 'pdf'; choose one of: csv, html, json"):
        reports.render("pdf", ladder)


def test_heavy_imports_are_lazy():
    code = (
        "import sys; from ggufeval.report import ladder; ladder.format_names(); "
        "print(sorted({'rich', 'jinja2', 'numpy', 'markupsafe'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["csv", "md"])
def test_golden(name, ladder):
    assert reports.render(name, ladder) == (GOLDEN / f"ladder.{name}").read_text("utf-8")


def test_golden_json(ladder):
    tree = json.loads(reports.render("json", ladder))
    for rung in tree["rungs"]:
        for run in rung["runs"].values():
            if run:  # its fields come and go with the fingerprint's
                assert len(run.pop("fingerprint")["model_sha256"]) == 64
    assert tree == json.loads((GOLDEN / "ladder.json").read_text("utf-8"))


def test_csv_fields(ladder):
    rows = list(csv.DictReader(io.StringIO(reports.render("csv", ladder))))
    assert [row["rung"] for row in rows] == list("12345678")
    assert float(rows[1]["studied_micro"]) == 84 / 570
    assert float(rows[1]["cost"]) == (225 - 84) / 570
    assert rows[6]["unavailable"] == "the vocabulary has no <|start_header_id|>"
    assert rows[6]["studied_micro"] == rows[6]["cost"] == rows[7]["cost"] == ""
    assert rows[7]["studied_micro"] == rows[7]["grammar_micro"] == repr(255 / 570)
    assert (rows[7]["style"], rows[7]["studied_style"]) == ("chat", "meta")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_csv_holds_no_formulas(hostile, text):
    rows = list(csv.DictReader(io.StringIO(reports.render("csv", hostile(text)))))
    foreign = ("model", "task", "source", "style", "studied_style", "unavailable")
    for name in (*foreign, "studied_run", "published_caveat"):
        assert {row[name] for row in rows} <= {f"'{text}", f"'{text}!", ""}
        assert any(row[name] for row in rows)


def test_markdown_escapes_what_is_foreign(hostile):
    text = reports.render("md", hostile("a|b <img src=x> *c* @d `e` \x1b\n# f"))
    assert not {"\x1b"} & set(text)
    assert "a|b" not in text
    assert r"a\|b \<img src=x> \*c\* @<!-- -->d \`e\` \\x1b\\n# f" in text
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(table) == 2 + 8
    assert {line.replace(r"\|", "").count("|") for line in table} == {10}
