import re
import subprocess
import sys

import pytest

from ggufeval import report
from ggufeval.errors import UsageError


def test_formats_are_found_by_their_modules():
    assert report.format_names() == ("csv", "html", "json", "md", "table")
    suffixes = [report.find_format(name).suffix for name in report.format_names()]
    assert suffixes == [".csv", ".html", ".json", ".md", ".txt"]


@pytest.mark.parametrize("name", report.format_names())
def test_every_format_renders_everything(name, comparison, single, at_chance, results):
    for compared in (comparison, single, at_chance):
        is_whole(name, compared, results)


@pytest.mark.parametrize("name", report.format_names())
def test_every_format_renders_every_way_of_reading(name, sampled, cloze, rotate, results):
    for compared in (sampled, cloze, rotate(sampled), rotate(cloze, 10)):
        is_whole(name, compared, results)


def is_whole(name, compared, results):
    text = report.render(name, compared, results)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    text.encode("utf-8")
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert report.render(name, compared, results) == text


@pytest.mark.parametrize("name", report.format_names())
def test_undecodable_file_names_can_be_written(name, comparison, rename):
    report.render(name, rename(comparison, "\udcff", "\udcfe", "c", "d")).encode("utf-8")


def test_an_unknown_format(comparison):
    with pytest.raises(UsageError, match="no report format 'pdf'; choose one of: csv, html, json"):
        report.render("pdf", comparison)


def test_heavy_imports_are_lazy():
    code = (
        "import sys; from ggufeval import report; report.format_names(); "
        "print(sorted({'rich', 'jinja2', 'numpy', 'markupsafe'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
