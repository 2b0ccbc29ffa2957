import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ggufeval.report.ladder import html
from ggufeval.report.ladder.chart import ladder_chart

MINUS = "\N{MINUS SIGN}"
VOID = {"meta", "link", "line", "rect", "circle", "path"}
HOSTILE = "</title></style></svg><script>alert(1)</script>\"'><img src=x onerror=a>{{ 7 * 7 }}\x1b"


class Page(HTMLParser):
    """Checks that tags are balanced, and keeps what a reader sees."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.words, self.attributes = [], [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, _attrs):
        assert tag in VOID
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"style", "title"}:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_the_page_is_whole(ladder):
    source = html.render(ladder)
    page = Page(source)
    assert source.startswith("<!doctype html>\n")
    assert source.endswith("</html>\n")
    assert page.tags.count("table") == 1
    for words in (
        "From rung 1 to rung 8: 21.05% to 44.74% right. Format cost most on rung 2: +24.74 points",
        "mmlu: 570 of 14,042 questions, 57 subjects, 10 per subject; source cais/mmlu@c30699e8",
        "cited and not measured here: LLaMA 3.2 1B Instruct in bf16, all 14,042 questions",
        "1 answer-line temp 0.6, 10 tokens 21.05 [17.75, 24.65] 19.85 10.53 38.07 [34.77, 41.67]",
        "+17.02 [+12.92, +21.02] 21.3",
        f"40.53 [37.23, 44.13] +2.98 [{MINUS}1.12, +6.98] 36.3",
        "7 meta-system greedy, 10 tokens n/a b n/a 42.9 c 43.7",
        "b Rung 7, n/a: the vocabulary has no <|start_header_id|>.",
        "d Rung 8: chat in place of meta, which this model cannot have.",
        "rung 2, under the grammar run-2-grammar, 2025-11-24T20:18:00Z, style json",
        "engine.n_ubatch 512",
        "build.devices CPU",
        "ggufeval ladder SmolLM2-360M-Instruct-Q8_0.gguf",
        "a" * 64,
    ):
        assert words in page.text, words


def test_the_chart(ladder):
    tags = Page(html.render(ladder)).tags
    assert tags.count("circle") == 6 + 1  # as studied, and the key
    assert tags.count("path") == 7 + 1  # published
    chart = ladder_chart(ladder)
    assert [lane.text for lane in chart.lanes[5:]] == ["36.49 → 42.28", "n/a", "44.74"]
    free, constrained = chart.lanes[1].free, chart.lanes[1].constrained
    assert free.low < free.x < free.high < constrained.low < constrained.x < constrained.high
    assert free.x < chart.lanes[1].published < chart.line.x
    assert chart.lanes[6].free is chart.lanes[6].constrained is chart.lanes[7].published is None
    everywhere = [free.low, chart.lanes[7].constrained.high, *(tick.x for tick in chart.ticks)]
    assert all(0 <= place <= 100 for place in everywhere)


@pytest.mark.parametrize("name", ["some", "none", "unfinished"])
def test_other_ladders(name, request):
    shown = request.getfixturevalue(name)
    page = Page(html.render(shown))
    assert ("7 meta-system" in page.text) == (name != "unfinished")
    assert ("engine.n_ubatch" in page.text) == (name != "none")


def test_nothing_is_fetched_and_nothing_runs(ladder):
    source = html.render(ladder)
    assert not re.search(r"https?://|//\w+\.|@import|url\(", source)
    page = Page(source)
    assert not {"script", "img", "iframe", "object", "base", "form", "a"} & set(page.tags)
    loading = [(tag, value) for tag, name, value in page.attributes if name in {"src", "href"}]
    assert loading == [("link", "data:,")]
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_hostile_strings_stay_text(hostile):
    source = html.render(hostile(HOSTILE))
    page = Page(source)
    assert not {"script", "img"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "\x1b" not in page.text


def test_alarms_stand_under_the_finding(ladder):
    first = ladder.rungs[0]
    guess = replace(first.free, micro=replace(first.free.micro, high=0.26))
    page = Page(html.render(replace(ladder, rungs=(replace(first, free=guess),))))
    assert "Not to be told from guessing (25.00%): rung 1 as studied." in page.text
