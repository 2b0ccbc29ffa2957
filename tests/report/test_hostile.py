"""Foreign text in every place it can come from, through every output: it stays text.

Labels and names come from a model's file, paths from a disk, questions from a data set; anybody may
have made them.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt

from ggufeval import report
from ggufeval.cli import _progress, cli
from ggufeval.errors import UsageError
from ggufeval.export import export
from ggufeval.report import forecast as forecasts
from ggufeval.report import ladder as ladders
from ggufeval.report.plots.files import chart_files
from ggufeval.store import Store
from ggufeval.types import (
    Disk,
    Estimate,
    FamilyForecast,
    Forecast,
    GroupScore,
    Ladder,
    LevelForecast,
    Origin,
    Plan,
    Prompts,
    Question,
    Rung,
    RungResult,
    Surety,
)

PLAIN = "plain"
HOSTILE = {
    "script": "</script><script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "attribute": "\"' onmouseover=alert(1) x='",
    "comment": "<!-- -->--><svg onload=alert(1)>]]>",
    "template": "{{ 6997 * 7 }}{% for i in x %}{# a #}",
    "command": "=cmd|' /C calc'!A0",
    "plus": "+1",
    "minus": "-1",
    "function": "@SUM(1+1)",
    "blank": "  =1+1",
    "tab": "\t=1+1",
    "return": "\r=1+1",
    "line": "\n=1+1\n# head\n\n- item",
    "escape": "\x1b[2J\x1b]0;title\x07\x9b2J\b\b",
    "link": "\x1b]8;;http://example.org\x1b\\here\x1b]8;;\x1b\\",
    "order": "a\u202egpj.exe\u2066b\u2069",
    "nothing": "a\u200bb\ufeff\u00adc\u2028d\u0085e",
    "null": "a\0b",
    "surrogate": "\ud800 \udcff",
    "long": "very " + "long" * 2000,
    "markdown": "[x](javascript:alert(1)) ![x](http://x.y) **b** `c` ~~s~~ | d | <http://x.y>",
    "block": "# head",
    "reference": "[x]: http://x.y 'z'",
    "fence": "```\ncode",
    "pipe": "a|b\\|c\\\\|d\\",
    "entity": "&lt;b&gt; &#x41; &copy;",
    "markup": "[bold red]x[/] [link=http://x.y]z[/link]",
}
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
FORMULA = ("=", "+", "-", "@")

_PAGES = []
"""That of plain text, drawn once."""

for_each = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


# --- what is held of an output ---


def assert_shown(text, keep="\n"):
    """Nothing that steers a terminal, hides a word or turns its order."""
    assert not {c for c in text if unicodedata.category(c) in HIDDEN} - set(keep)
    text.encode()


def structure(markdown):
    """What a reader of Markdown makes of it, without the words."""
    found = Counter()
    for token in (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown)
    ):
        found[token.type] += 1
        found.update(
            f"{inner.type} {inner.content if inner.type == 'html_inline' else ''}"
            for inner in token.children or ()
            if inner.type not in {"text", "text_special"}
        )
    found.pop("html_inline <!-- -->", None)  # in front of what would be a mention
    return found


class Page(HTMLParser):
    """The elements of a page with the names of their attributes, and its words."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.words = Counter(), []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements[tag, *(name for name, _ in attrs)] += 1
        self.words += [value or "" for _, value in attrs]

    def handle_data(self, data):
        self.words.append(data)


def assert_page(source, plain):
    page, like = Page(source), Page(plain)
    for counts in (page.elements, like.elements):
        del counts["code",]  # which holds a long style alone
    assert page.elements == like.elements
    assert_shown("".join(page.words))
    assert "48979" not in "".join(page.words)


def assert_table(text, plain):
    """As many cells as without, and no formula among those that are texts."""
    found, like = (list(csv.DictReader(io.StringIO(each))) for each in (text, plain))
    assert len(found) == len(like)
    for row, other in zip(found, like, strict=True):
        assert row.keys() == other.keys()
        for column, cell in row.items():
            if not is_number(other[column]):
                assert not cell.startswith(("\t", "\r", "\n")), column
                assert not cell.lstrip().startswith(FORMULA), column


def is_number(text):
    try:
        float(text)
    except ValueError:
        return not text
    return True


# --- foreign text everywhere ---


def poisoned_run(run, text, number):
    model = replace(
        run.model,
        label=f"{text} {number}",
        path=f"/m/{text}.gguf",
        architecture=text,
        tensor_types={text: 70, f"{text}!": 30},
        imatrix=text,
        requantized_from=text if number == 2 else "",
        quantized_from=text if number == 1 else "",
    )
    fingerprint = replace(
        run.fingerprint,
        prompt_style=text,
        grammar=text,
        parser=text,
        build=replace(run.fingerprint.build, system_info=text, devices=(text,), ggml_commit=text),
    )
    return replace(
        run, model=model, fingerprint=fingerprint, task=text, source=text, command=text,
        population={text: 135, f"{text}!": 166},
    )  # fmt: skip


@pytest.fixture
def poison(comparison, questions, results):
    """A comparison and its results whose every foreign text is the one given."""

    def make(text):
        scores = [comparison.reference, *(item.score for item in comparison.candidates)]
        scores = [
            replace(score, run=poisoned_run(score.run, text, number))
            for number, score in enumerate(scores)
        ]
        groups = tuple(
            GroupScore(
                f"{text}{n}", 9, (Estimate(0.5, 0.4, 0.6),) * 4, (Estimate(-0.1, -0.2, 0.1),) * 3
            )
            for n in range(2)
        )
        whole = replace(
            comparison,
            reference=scores[0],
            candidates=tuple(
                replace(item, score=score)
                for item, score in zip(comparison.candidates, scores[1:], strict=True)
            ),
            alarms=(text, f"{text}: alarm"),
            by="subject",
            groups=groups,
        )
        asked = tuple(
            Question(f"{text}/{i}", text, text, (text,) * len(q.choices), q.answer)
            for i, q in enumerate(questions)
        )
        prompts = Prompts((text,), {(question.id, 0): (0, text) for question in asked})
        found = [
            replace(
                result,
                run=score.run,
                questions=asked,
                records=tuple(
                    replace(record, question_id=question.id, text=text, parse_error=text)
                    for record, question in zip(result.records, asked, strict=True)
                ),
                prompts=prompts,
            )
            for score, result in zip(scores, results, strict=True)
        ]
        return whole, found

    return make


@pytest.fixture
def poisoned_ladder(comparison):
    def make(text):
        score = replace(comparison.reference, run=poisoned_run(comparison.reference.run, text, 0))
        cost = Estimate(-0.1, -0.2, 0.1)
        rungs = (
            RungResult(Rung(1, text, 0.6, 10, by_letter=True), f"{text}!", score, score, cost),
            RungResult(
                Rung(2, text, 0.0, 10, by_letter=False), text, None, None, None, unavailable=text
            ),
        )
        model = score.run.model
        return Ladder(model, rungs, text, text, comparison.design, 570, 14_042, 57, 0.25)

    return make


def poisoned_forecast(text, design):
    levels = (
        LevelForecast(f"{text} Q8_0", Origin.HERE, size_bytes=10**9, trouble=text),
        LevelForecast(f"{text} Q2_K", Origin.MADE, base=f"{text} Q8_0", size_bytes=10**8),
    )
    family = FamilyForecast(levels, 1000, Surety.EXACT, ())
    disks = (Disk(f"/{text}", 10**9, 10**8),)
    return Forecast(
        text, text, design, 570, 14_042, 57, text, 5, "letter", (family,), disks, 10**9, 10**9,
        0.01, 0.05,
    )  # fmt: skip


# --- reports ---


@for_each
def test_terminal(poison, text):
    for whole in (poison(text)[0], replace(poison(text)[0], by="", groups=())):
        said = report.render("table", whole)
        assert_shown(said)
        assert max(map(len, said.splitlines())) <= 80


@for_each
def test_markdown(poison, text):
    said = report.render("md", *poison(text))
    assert_shown(said)
    assert structure(said) == structure(report.render("md", *poison(PLAIN)))


@for_each
def test_html(poison, text):
    if not _PAGES:
        _PAGES.append(report.render("html", *poison(PLAIN)))
    assert_page(report.render("html", *poison(text)), _PAGES[0])


@for_each
def test_json(poison, text):
    said = report.render("json", *poison(text))
    assert said.isascii()
    assert json.loads(said)["models"][0]["model"] == f"{text} 0"


@for_each
def test_csv(poison, text):
    for plain, whole in (
        (poison(PLAIN)[0], poison(text)[0]),
        (replace(poison(PLAIN)[0], groups=()), replace(poison(text)[0], groups=())),
    ):
        said = report.render("csv", whole)
        assert_shown(said)
        assert_table(said, report.render("csv", plain))


@pytest.mark.parametrize("name", ["script", "entity", "escape", "surrogate", "order"])
def test_charts(poison, name):
    for file, content in chart_files(poison(HOSTILE[name])[0]):
        if file.endswith(".svg"):
            assert not {"script", "image", "a", "foreignobject"} & {
                tag for tag, *_ in Page(content.decode()).elements
            }
            assert_shown(content.decode())


# --- the ladder and the forecast ---


@for_each
def test_ladder(poisoned_ladder, text):
    ladder, plain = poisoned_ladder(text), poisoned_ladder(PLAIN)
    for name in ("table", "md", "csv"):
        assert_shown(ladders.render(name, ladder))
    assert max(map(len, ladders.render("table", ladder).splitlines())) <= 80
    assert structure(ladders.render("md", ladder)) == structure(ladders.render("md", plain))
    assert_table(ladders.render("csv", ladder), ladders.render("csv", plain))
    assert_page(ladders.render("html", ladder), ladders.render("html", plain))
    assert json.loads(ladders.render("json", ladder))["model"]["label"] == f"{text} 0"


@for_each
def test_forecast(comparison, text):
    assert_shown(forecasts.render(poisoned_forecast(text, comparison.design)))
    said = forecasts.to_json(poisoned_forecast(text, comparison.design))
    assert said.isascii()
    assert json.loads(said)["task"] == text


# --- commands ---


@pytest.fixture
def database(poison, tmp_path):
    """A file with all that a poisoned comparison holds, as far as SQLite can."""

    def make(text):
        _, results = poison(text.encode(errors="replace").decode())
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.sqlite"
        with Store.open(path) as store:
            sweep = store.begin_sweep()
            for result in results:
                run_id = store.begin(result.run, result.questions, result.prompts)
                store.add_batch(run_id, 0, "c", result.records, n_tokens=1, seconds=1.0)
                store.add_to_sweep(sweep, run_id)
        return path, run_id, result.questions[0].id

    return make


def invoke(*arguments):
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert_shown(result.stderr)
    return result.stdout


@for_each
def test_runs_and_show(database, text):
    path, run_id, question = database(text)
    assert_shown(invoke("runs", "--db", path))
    assert_shown(invoke("show", run_id, "--db", path))
    assert_shown(invoke("show", run_id, "--question", question, "--db", path))
    assert_shown(invoke("show", run_id, "--question", question, "--prompt", "--db", path))


@for_each
def test_compare(database, text):
    path, *_ = database(text)
    for name in ("table", "md", "csv"):
        assert_shown(invoke("compare", "--format", name, "--by", "subject", "--db", path))


@for_each
def test_export(database, poison, text, tmp_path):
    path, *_ = database(text)
    with Store.open(path, read_only=True) as store:
        results = [store.result(run.id) for run in store.latest()]
    written, plain = tmp_path / "a.csv", tmp_path / "b.csv"
    export(results, written)
    export(poison(PLAIN)[1], plain)
    assert_table(written.read_text("utf-8"), plain.read_text("utf-8"))
    kept = [question.stem for result in results for question in result.questions]
    export(results, tmp_path / "a.jsonl")
    lines = (tmp_path / "a.jsonl").read_text("utf-8").split("\n")[:-1]
    assert [json.loads(line)["stem"] for line in lines] == kept
    export(results, tmp_path / "a.parquet")
    assert list(pd.read_parquet(tmp_path / "a.parquet")["stem"]) == kept


# --- stderr ---


@for_each
def test_errors(monkeypatch, text, tmp_path):
    def fail(*_args, **_kwargs):
        raise UsageError(f"{text}: expected")

    monkeypatch.setattr(Store, "open", fail)
    result = CliRunner().invoke(cli, ["runs", "--db", str(tmp_path / "x")])
    assert result.exit_code == 2
    assert_shown(result.output)


@for_each
def test_failures_and_progress(comparison, capsys, text):
    _progress.say(quiet=False)(f"Failed: {text}: {text}")
    lines = _progress.Lines()
    run = poisoned_run(comparison.reference.run, text, 0)
    lines.start(run, Plan(()), 0, 0)
    bar = _progress.Bar()
    bar.start(run, Plan(()), 0, 0)
    bar.end()
    assert_shown(capsys.readouterr().err, keep="\n\r")
