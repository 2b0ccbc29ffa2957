import re
from dataclasses import replace
from html.parser import HTMLParser

from ggufeval.report import html
from ggufeval.types import Question

MINUS = "\N{MINUS SIGN}"
VOID = {"meta", "link", "br", "input"}


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
        if self.open and self.open[-1] not in {"style", "title", "script"}:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_the_page_is_whole(comparison, results):
    source = html.render(comparison, results)
    page = Page(source)
    assert source.startswith("<!doctype html>\n")
    assert source.endswith("</html>\n")
    assert page.tags.count("table") == 3
    assert page.tags.count("figure") == 8
    assert "Against F16 (41.23%), undecided: Q8_0, Q4_K_M†; over 1 point below: Q2_K*." in page.text
    assert f"F16, {MINUS}9.47 points [{MINUS}14.04, {MINUS}4.89]; 3.1x smaller." in page.text
    assert "Verdicts hold the loss on questions like these against 1 point" in page.text
    for words in (
        "570 of 14,042 questions, 57 subjects, 10 per subject",
        "the letters hold only 40% of the probability.",
        "Q2_K*: IQ4_NL 62%, Q5_0 30%, Q8_0 8% of the weights.",
        "Q4_K_M† (from Q4_1): made from a file that was lossy already.",
        f"{MINUS}9.47 [{MINUS}13.65, {MINUS}5.27] 104 50 <.001",
        "engine.n_ubatch 512",
        "build.devices CPU",
        "build.llama_cpp_python 0.3.36",
        "2025-11-24T20:18:00Z",
        "ggufeval sweep SmolLM2-135M-Instruct-F16.gguf --quants Q8_0,Q4_K_M,Q2_K",
        "k" * 64,
        "b" * 64,
    ):
        assert words in page.text, words


def policy(page):
    (found,) = [
        value for tag, name, value in page.attributes if name == "content" and "src" in value
    ]
    return found


def test_nothing_is_fetched_and_only_our_scripts_run(comparison, results):
    source = html.render(comparison, results)
    without_data = re.sub(r"<script.*?</script>", "", source, flags=re.DOTALL)
    assert not re.search(r"https?://|//\w+\.|@import|url\(", without_data)
    page = Page(source)
    assert not {"img", "iframe", "object", "base", "a"} & set(page.tags)
    loading = [(tag, value) for tag, name, value in page.attributes if name in {"src", "href"}]
    assert loading == [("link", "data:,")]
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert policy(page).startswith("default-src 'none'; ")
    assert policy(page).count("sha256-") == 2
    assert "unsafe-eval" not in policy(page)
    assert page.tags.count("script") == 4


def test_without_results_there_are_no_questions(comparison):
    page = Page(html.render(comparison))
    assert "The questions" not in page.text
    assert page.tags.count("script") == 3


def test_what_was_left_out_is_said(comparison, results, monkeypatch):
    monkeypatch.setattr(html, "_ROOM_FOR_QUESTIONS", 10)
    assert (
        "Left out, to keep the page under 5 MB: all single questions."
        in Page(html.render(comparison, results)).text
    )


def test_a_single_run(single):
    page = Page(html.render(single))
    assert page.tags.count("figure") == 2
    assert "SmolLM2-135M-Instruct F16 answers 41.23% of 570 questions right" in page.text
    assert "difference" not in page.text


def test_at_chance(at_chance):
    source = html.render(at_chance)
    assert "Reference at chance: F16 scores 25.61%" in Page(source).text
    assert 'class="worse"' not in source
    assert 'class="wide worse"' not in source


HOSTILE = (
    "</title></style></svg><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x00\x1b[31m"
)


def test_hostile_strings_stay_text(comparison, results, rename):
    hostile = rename(comparison, *(f"{HOSTILE} {n}" for n in range(4)))
    run = replace(hostile.reference.run, task=HOSTILE, source=HOSTILE, command=HOSTILE)
    hostile = replace(
        hostile, reference=replace(hostile.reference, run=run), alarms=(HOSTILE, "{{ 7 * 7 }}")
    )
    question = Question("mmlu/test/anatomy/7", HOSTILE, HOSTILE, (HOSTILE, "{% raw %}", "c"), 2)
    results[0] = replace(results[0], questions=(question,))
    page = Page(html.render(hostile, results))
    assert page.tags.count("script") == 4
    assert "img" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert not {"\x00", "\x1b"} & set(page.text)


def test_how_texts_were_read(sampled, results):
    page = Page(html.render(sampled, results))
    for words in (
        "read by sample (temperature 0.6, 10 tokens, no grammar, parser json)",
        "(9 unparsed, 3 no choice)",
        "grammar none engine.n_ctx",
        "parser json temperature 0.6 max_tokens 10 seed 7 Made by",
    ):
        assert words in page.text, words
    assert "letter mass" not in page.text
    assert "nan" not in page.text.split()


def test_a_way_of_reading_without_a_parser_does_not_name_one(comparison):
    page = Page(html.render(comparison))
    assert "parser" not in page.text
    assert "permute" not in page.text
    assert "letter mass: probability on the answer letters" in page.text


def test_positions_of_the_right_choice(comparison, rotate, results):
    page = Page(html.render(rotate(comparison), results))
    assert page.tags.count("table") == 4
    assert "Position of the right choice model A B C D mean same F16 45.23 43.23" in page.text
    assert "A to D: accuracy, in %, where the right choice stands there;" in page.text
    assert "permute cyclic" in page.text
    assert "With the choices as the question has them" in page.text
    assert f"{MINUS}9.47 [{MINUS}13.65, {MINUS}5.27] 104 50 -" in page.text


def test_how_the_probabilities_moved(comparison, cloze):
    page = Page(html.render(comparison))
    assert "KLD median 99% max gold moved same answer Q8_0 0.0014 ± 0.0001 0.0004" in page.text
    assert "KLD: divergence of the letters' probabilities" in page.text
    assert "KLD" not in Page(html.render(cloze)).text


def test_why_there_is_no_verdict(unjudged):
    page = Page(html.render(unjudged))
    assert f"Q8_0 +0.18, Q4_K_M† {MINUS}1.05, Q2_K* {MINUS}9.47 points." in page.text
    assert "No verdict: the runs differ." in page.text
