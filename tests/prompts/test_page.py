"""docs/prompts.md says of the study's styles what they send, and names every style and parser."""

import re
from pathlib import Path

import pytest

from ggufeval import parsers, prompts
from ggufeval.types import Question

PAGE = (Path(__file__).parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")
ONE = Question("q", "law", "{question}", ("{a}", "{b}", "{c}", "{d}"), 0)


def words(text):
    """Without line breaks and indents: long lines are broken on the page."""
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("style", ["answer-line", "json", "json-final"])
def test_the_page_has_the_turns_of_the_fixed_styles(style, with_system):
    spans = prompts.styles()[style].render(ONE, (), with_system).spans
    system, user = (span.text for span in spans if not span.control)
    page = words(PAGE)
    opening, _, closing = system.rpartition("-" * 20)
    shown = opening.split("-" * 20)[:2] if opening else [closing]
    assert all(words(part).strip() in page for part in (*shown, closing if opening else ""))
    asked, _, last = user.partition("\n- {d}")
    assert words(f"{asked}\n- {{d}}") in page
    assert words(last).strip() in page


def test_the_page_has_a_compartment(with_system):
    spans = prompts.styles()["json-subject"].render(ONE, [ONE], with_system).spans
    system = next(span.text for span in spans if not span.control)
    compartment = re.search(r"\[Example 1\].*\[End of example 1\]", system, re.DOTALL)
    assert words(compartment[0]).replace('"{a}"', '"{text}"') in words(PAGE)


@pytest.mark.parametrize("name", [*prompts.styles(), *parsers.names()])
def test_the_page_names_it(name):
    assert f"`{name}" in PAGE
