from dataclasses import replace
from pathlib import Path

import pytest

from ggufeval.report import markdown

GOLDEN = Path(__file__).parent / "golden" / "comparison.md"


def test_golden(comparison):
    assert markdown.render(comparison) == GOLDEN.read_text("utf-8")


def test_a_single_run_has_no_differences(single):
    text = markdown.render(single)
    assert "| model | size | bpw | accuracy |\n| --- | ---: | ---: | ---: |\n" in text
    assert "difference" not in text


def test_at_chance(at_chance):
    text = markdown.render(at_chance)
    assert "**Reference at chance: F16 scores 25.61% [22.19, 29.35] where" in text
    assert "| -9.47 [-13.65, -5.27] | 104 | 50 | - |" in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Q4_K_M", "Q4_K_M"),
        ("_a_ b_", r"\_a\_ b\_"),
        ("a|b\\c", r"a\|b\\c"),
        ("*a* `b` ~~c~~ $d$", r"\*a\* \`b\` \~\~c\~\~ \$d\$"),
        ("<script> a<b <.001", r"\<script> a\<b <.001"),
        ("&lt; a & b &#64;", r"\&lt; a & b \&#64;"),
        ("[a](b) ![c][d] [e]: f", r"\[a\](b) ![c\][d] [e\]: f"),
        ("[37.23, 45.33]", r"\[37.23, 45.33]"),
        ("# head", r"\# head"),
        ("https://example.org www.example.org", r"https:\//example.org www\.example.org"),
        ("@user a@b", "@<!-- -->user a@b"),
    ],
)
def test_escape(text, escaped):
    assert markdown.escape(text) == escaped


def test_a_hostile_label_stays_in_its_cell(comparison, rename):
    hostile = rename(comparison, "a|b\nc", "<img src=x>", "d", "`e")
    lines = markdown.render(replace(hostile, alarms=())).splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in rows[:6]] == [
        "| model",
        "| ---",
        r"| a\|b\\nc",
        r"| \<img src=x>",
        "| d†",
        r"| \`e\*",
    ]


def test_texts_have_no_letter_mass(sampled):
    text = markdown.render(sampled)
    assert "| model | macro accuracy | questions/s | tokens/s | time | memory |\n" in text
    assert "| F16 | 41.23 [37.23, 45.23] | 3.00 | 649 | 0:03:10 | 412 MB |\n" in text


def test_positions_of_the_right_choice(comparison, rotate):
    table = (
        "Position of the right choice:\n\n| model | A | B | C | D | mean | same |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| F16 | 45.23 | 43.23 | 41.23 | 39.23 | 41.23 | 50.00 |\n"
    )
    text = markdown.render(rotate(comparison))
    assert table in text
    assert "\n\nA to D: accuracy, in %, where the right choice stands there;" in text


def test_texts_have_no_divergence(sampled):
    assert "KLD" not in markdown.render(sampled)


def test_a_single_verdict_is_said_once(comparison):
    text = markdown.render(replace(comparison, candidates=comparison.candidates[2:]))
    assert text.count("over 1 point below") == 1


def test_why_there_is_no_verdict(unjudged):
    assert "\n\n- No verdict: the runs differ.\n\n" in markdown.render(unjudged)
