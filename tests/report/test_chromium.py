"""The page in a real browser, opened from the disk."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from ggufeval.report import html
from ggufeval.types import LETTERS, Prompts, Question

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\x1b[31m"


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield running
        running.close()


class Opened:
    """A page with all that it asked for and complained about."""

    def __init__(self, browser, path, **context):
        self.page = browser.new_context(**context).new_page()
        self.asked, self.said = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("body[data-ready=yes]")

    @property
    def stems(self):
        return self.page.locator("#q-list .stem").all_inner_texts()

    def choose(self, **controls):
        """Each of the controls, by its name, and how many questions remain."""
        for name, value in controls.items():
            control = self.page.locator(f"#q-{name}")
            if control.evaluate("node => node.tagName") == "SELECT":
                control.select_option(label=value)
            else:
                control.fill(value)
        return self.page.locator("#q-count").inner_text()


@pytest.fixture
def opened(browser, tmp_path):
    pages = []

    def open_page(comparison, results=(), **context):
        path = tmp_path / f"report {len(pages)}.html"
        path.write_text(html.render(comparison, results), encoding="utf-8")
        pages.append(Opened(browser, path, **context))
        return pages[-1]

    yield open_page
    for each in pages:
        each.page.context.close()


def test_it_draws_lists_and_asks_for_nothing(opened, grouped, results):
    seen = opened(grouped, results)
    page = seen.page
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in seen.asked if url.startswith("file:")]) == 1
    figures = page.locator("figure")
    assert figures.count() == 9
    assert figures.locator("svg.marks").count() == 9
    assert page.locator("#q-count").inner_text() == "3 of 3 questions"
    page.locator("#chart-differences path[aria-roledescription=circle]").first.hover()
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert "Q8_0" in tooltip.inner_text()
    assert "+0.18 [-1.58, +1.93]" in tooltip.inner_text()
    page.locator("#chart-differences summary").click()
    offered = page.locator("#chart-differences .vega-actions a").all_inner_texts()
    assert offered == ["Save as SVG", "Save as PNG"]
    with page.expect_download() as download:
        page.locator("#chart-differences .vega-actions a").first.click()
    assert download.value.suggested_filename == "differences.svg"
    assert seen.said == []


def test_search_and_filters(opened, comparison, results):
    seen = opened(comparison, results)
    assert seen.choose(search="BONE of the hand") == "1 of 3 questions"
    assert seen.choose(search="choice 9") == "1 of 3 questions"
    assert seen.choose(search="virology/1") == "1 of 3 questions"
    assert seen.choose(search="nowhere") == "0 of 3 questions"
    assert seen.choose(search="", subject="virology") == "2 of 3 questions"
    assert seen.choose(subject="all", kind="lost") == "2 of 3 questions"
    assert seen.choose(level="Q8_0") == "0 of 3 questions"
    assert seen.choose(level="Q4_K_M†") == "1 of 3 questions"
    assert seen.stems == ["Which of these is <not> a bone of the hand?\nChoose one."]
    assert seen.choose(level="Q2_K*", kind="another answer") == "2 of 3 questions"
    assert seen.choose(kind="won") == "0 of 3 questions"
    assert seen.choose(kind="all", margin="0.4") == "0 of 3 questions"
    assert seen.choose(margin="0.6", order="surest first") == "3 of 3 questions"
    assert "C ✓" in seen.page.locator(".answer").first.inner_text()
    assert "unread ✗" in seen.page.locator("#q-list").inner_text()
    assert seen.said == []


def test_the_prompt_on_request(opened, comparison, results):
    asked = results[0].questions
    shared = "Example question\nAnswer: C\n\n"
    lines = [
        [q.stem, *(f"{c}. {t}" for c, t in zip(LETTERS, q.choices, strict=False)), "Answer:"]
        for q in asked
    ]
    rest = {(q.id, 0): (0, "\n".join(text)) for q, text in zip(asked[:2], lines[:2], strict=True)}
    results[0] = replace(results[0], prompts=Prompts((shared,), rest))
    seen = opened(comparison, results)
    seen.choose(order="as asked")
    prompts = seen.page.locator("#q-list details.prompt")
    assert prompts.count() == 2
    assert prompts.locator("pre").count() == 0
    prompts.first.locator("summary").click()
    prompts.first.locator("pre").wait_for()
    assert prompts.locator("pre").all_text_contents() == [shared + "\n".join(lines[0])]
    assert seen.said == []


def test_many_questions_come_a_page_at_a_time(opened, comparison, results):
    questions = tuple(Question(f"q/{i}", "s", f"stem {i}", ("a", "b"), 0) for i in range(60))
    made = []
    for result in results:
        record = replace(result.records[0], letter_logits=(0.0, 1.0))
        records = tuple(
            replace(record, question_id=q.id, margin=float(i)) for i, q in enumerate(questions)
        )
        made.append(replace(result, questions=questions, records=records))
    seen = opened(comparison, made)
    assert len(seen.stems) == 25
    seen.page.locator("#q-more").click()
    seen.page.locator("#q-more").click()
    assert len(seen.stems) == 60
    assert not seen.page.locator("#q-more").is_visible()
    seen.choose(order="surest first")
    assert seen.stems[0] == "stem 59"


def test_light_and_dark(opened, comparison, results):
    def colours(scheme):
        page = opened(comparison, results, color_scheme=scheme).page
        label = "#chart-differences .role-axis-label text"
        return page.evaluate(
            "label => [getComputedStyle(document.body).backgroundColor,"
            " getComputedStyle(document.querySelector(label)).fill]",
            label,
        )

    paper, ink = colours("light")
    night, chalk = colours("dark")
    assert (paper, night) == ("rgb(250, 249, 246)", "rgb(22, 23, 26)")
    assert (ink, chalk) == ("rgb(27, 28, 30)", "rgb(233, 232, 228)")


def test_on_paper(opened, comparison, results):
    page = opened(comparison, results, color_scheme="dark").page
    page.emulate_media(media="print")
    assert not page.locator(".controls").is_visible()
    assert page.locator("table.models").first.is_visible()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(255, 255, 255)"
    assert page.pdf()[:5] == b"%PDF-"


@pytest.mark.parametrize("width", [360, 820, 1280])
def test_nothing_is_wider_than_the_page(opened, grouped, results, width):
    page = opened(grouped, results, viewport={"width": width, "height": 800}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_script_the_tables_are_there(browser, tmp_path, comparison, results):
    path = tmp_path / "bare.html"
    path.write_text(html.render(comparison, results), encoding="utf-8")
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(path.as_uri())
    assert page.locator("table.models").first.is_visible()
    assert not page.locator("figure").first.is_visible()
    assert page.get_by_text("A script in this page lists them").is_visible()
    page.context.close()


def test_hostile_strings_do_nothing(opened, comparison, results, rename):
    question = Question(HOSTILE, HOSTILE, HOSTILE, (HOSTILE,) * 4, 2)
    made = [
        replace(
            result,
            questions=(question,),
            records=(replace(result.records[0], question_id=HOSTILE, text=HOSTILE),),
            prompts=Prompts((HOSTILE,), {(HOSTILE, 0): (0, HOSTILE)}),
        )
        for result in results
    ]
    seen = opened(rename(comparison, *(f"{HOSTILE} {n}" for n in range(4))), made)
    assert seen.said == []
    assert seen.page.locator("img").count() == 0
    assert "<script>alert(1)</script>" in seen.stems[0]
    assert "{{7*7}}\\x1b[31m" in seen.stems[0]
    seen.page.locator("details.prompt summary").click()
    assert seen.page.locator("details.prompt pre").inner_text().count("<script>alert(1)") == 2
    seen.page.locator("#chart-differences path[aria-roledescription=circle]").first.hover()
    seen.page.locator("#vg-tooltip-element.visible").wait_for()
    assert seen.page.locator("img").count() == 0
    assert seen.said == []
