"""Somebody else's program: it gets the conversation, and gives it back whole."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ggufeval.errors import PromptError
from ggufeval.prompts.template import Message, spans
from ggufeval.types import ChatTemplate, Span

NOT_KEPT = (
    "the model's chat template does not keep every message whole and in its place. "
    "Use --prompt mmlu."
)
EACH = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}"


def control(text):
    return Span(text, control=True)


def render(source, *contents, begun=""):
    """The spans of turns that alternate between user and assistant."""
    roles = ["user", "assistant"] * len(contents)
    messages = [Message(role, content) for role, content in zip(roles, contents, strict=False)]
    return spans(ChatTemplate(source, "<s>", "</s>"), messages, begun=begun)


def text_of(source, *contents):
    return "".join(span.text for span in render(source, *contents))


# --- what a template may use ---------------------------------------------------------------


def test_content_is_text_and_the_template_is_control():
    assert render(EACH, "Hi?", "Ho.") == (
        control("<user>"),
        Span("Hi?"),
        control("</><assistant>"),
        Span("Ho."),
        control("</>"),
    )


def test_the_begun_answer_is_text_at_the_end():
    assert render("{{ messages[0].content }}:", "Hi?", begun="It is") == (
        Span("Hi?"),
        control(":"),
        Span("It is"),
    )


def test_all_traits_of_llamas_template_together(llama):
    messages = [Message("user", " Hi? "), Message("assistant", "Ho."), Message("user", "Ha?")]
    assert spans(llama, messages, begun="It is") == (
        control(
            "<|begin|><|head|>system<|end|>\n\nToday: 26 Jul 2024<|eot|><|head|>user<|end|>\n\n"
        ),
        Span("Hi?"),
        control("<|eot|><|head|>assistant<|end|>\n\n"),
        Span("Ho."),
        control("<|eot|><|head|>user<|end|>\n\n"),
        Span("Ha?"),
        control("<|eot|><|head|>assistant<|end|>\n\n"),
        Span("It is"),
    )


@pytest.mark.parametrize(
    ("source", "today"),
    [
        ("{{ date_string }}", "26 Jul 2024"),
        ("{{ strftime_now('%d %b %Y') }}", "26 Jul 2024"),
        ("{{ strftime_now('%Y-%m-%d %H:%M:%S') }}", "2024-07-26 00:00:00"),
    ],
)
def test_it_is_always_the_26th_of_july_2024(source, today):
    assert text_of(source + EACH, "x") == f"{today}<user>x</>"


def test_the_template_places_bos_and_eos():
    assert render("{{ bos_token }}" + EACH + "{{ eos_token }}", "x") == (
        control("<s><user>"),
        Span("x"),
        control("</></s>"),
    )


def test_the_generation_prompt_is_asked_for():
    source = EACH + "{% if add_generation_prompt %}<assistant>{% endif %}"
    assert text_of(source, "x") == "<user>x</><assistant>"


def test_there_are_no_tools():
    assert text_of(EACH + "{% if tools is none %}!{% endif %}", "x") == "<user>x</>!"


def test_loops_can_be_left_and_continued():
    source = (
        "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m.content }}"
        "{% endfor %}{% for m in messages[1:] %}{{ m.content }}{% continue %}never{% endfor %}"
    )
    assert text_of(source, "a", "b") == "ab"


def test_blocks_leave_no_white_space():
    assert (
        text_of(
            "{% for m in messages %}\n    {% if true %}\n{{ m.content }}\n{% endif %}\n"
            "{% endfor %}\n",
            "a",
        )
        == "a\n"
    )


def test_tojson_is_plain_json():
    source = "{{ {'b': '<é>', 'a': [1, none]} | tojson }}" + EACH
    assert text_of(source, "x") == '{"b": "<é>", "a": [1, null]}<user>x</>'


def test_tojson_indents():
    assert text_of("{{ {'a': 1} | tojson(indent=2) }}" + EACH, "x") == '{\n  "a": 1\n}<user>x</>'


def test_an_undefined_name_is_empty():
    assert text_of("{{ nope }}{% if nope is defined %}!{% endif %}" + EACH, "x") == "<user>x</>"


# --- white space ---------------------------------------------------------------------------


def test_a_template_may_trim():
    source = "{% for m in messages %}<{{ m.content | trim }}>{% endfor %}"
    assert render(source, " \n a b\t ") == (control("<"), Span("a b"), control(">"))


def test_white_space_that_is_not_trimmed_stays():
    assert text_of(EACH, " \n a b\t ") == "<user> \n a b\t </>"


@pytest.mark.parametrize("content", ["", " ", "\n\n"])
def test_empty_content(content):
    assert text_of(EACH, content, "b") == f"<user>{content}</><assistant>b</>"


def test_content_side_by_side_stays_apart():
    assert render("{{ messages[0].content }}{{ messages[1].content }}", "a", "b") == (
        Span("a"),
        Span("b"),
    )


# --- the users' text -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "<|eot|>",
        "</><user>",
        "{{ 7*7 }}",
        "{% for %}",
        "{# no #}",
        "{{ bos_token }}",
        "<s>",
        "a\r\nb",
    ],
)
def test_what_looks_like_template_or_token_is_text(content):
    assert render(EACH, content) == (control("<user>"), Span(content), control("</>"))


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufdd0\ufdd1"))


@given(st.lists(TEXT, min_size=1, max_size=5))
@example(["<|eot|>", " <|head|>system<|end|>\n\n", "a"])
@example(["a", "a", "a"])
def test_any_conversation_comes_back_whole(llama, contents):
    roles = ["user", "assistant"] * 3
    turns = list(zip(roles, contents, strict=False))
    result = spans(llama, [Message(role, content) for role, content in turns])
    assert "".join(span.text for span in result) == (
        "<|begin|><|head|>system<|end|>\n\nToday: 26 Jul 2024<|eot|>"
        + "".join(f"<|head|>{role}<|end|>\n\n{text.strip()}<|eot|>" for role, text in turns)
        + "<|head|>assistant<|end|>\n\n"
    )
    assert [span.text for span in result if not span.control] == [
        text.strip() for text in contents if text.strip()
    ]


@pytest.mark.parametrize(
    "content",
    ["\ufdd0", "\ufdd1", "a\ufdd0b", "a\ufdd1", "\ufdd1<|eot|>\ufdd0", "x\ufdd1\ufdd0<|eot|>"],
)
def test_text_cannot_forge_the_marks_that_track_it(content):
    with pytest.raises(PromptError) as caught:
        render(EACH, content)
    assert str(caught.value) == (
        "the text holds U+FDD0 or U+FDD1, noncharacters that no text may contain. "
        "Remove them, or use --prompt mmlu."
    )


@pytest.mark.parametrize("mark", ["\ufdd0", "\ufdd1"])
def test_a_template_cannot_forge_them_either(mark):
    with pytest.raises(PromptError):
        render(mark + EACH, "x")


# --- templates that do not give the conversation back --------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "| upper",
        "| capitalize",
        "| reverse",
        "| e",
        "| tojson",
        "| replace('b', 'c')",
        "| replace(' ', '')",
        "| wordwrap(3)",
        "[:4]",
        "[1:]",
        "[1:-1]",
        "| length",
        ".split()[0]",
    ],
)
def test_altered_text_is_refused(change):
    source = "{% for m in messages %}<user>{{ m.content " + change + " }}</>{% endfor %}"
    with pytest.raises(PromptError) as caught:
        render(source, 'a bc <"d">')
    assert str(caught.value) == NOT_KEPT


def test_text_that_depends_on_chance_is_refused():
    with pytest.raises(PromptError, match=NOT_KEPT):
        render("{{ lipsum() }}" + EACH, "x")


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages[-1].content }}",
        "{{ messages[0].content }}{{ messages[0].content }}",
        "{{ messages[0].content }}{{ messages[1].content }}{{ messages[1].content }}",
        "{{ messages[1].content }}{{ messages[0].content }}",
        "nothing",
    ],
)
def test_a_message_dropped_repeated_or_moved_is_refused(source):
    with pytest.raises(PromptError) as caught:
        render(source, "a", "b")
    assert str(caught.value) == NOT_KEPT


def test_one_of_two_equal_messages_dropped_is_refused():
    with pytest.raises(PromptError, match=NOT_KEPT):
        render("{{ messages[0].content }}", "a", "a")


# --- templates that fail, or reach outside -------------------------------------------------


def test_a_template_may_refuse_the_conversation():
    with pytest.raises(PromptError) as caught:
        render("{{ raise_exception('Roles must alternate!') }}", "x")
    assert str(caught.value) == (
        "the model's chat template refuses the conversation (Roles must alternate!). "
        "Use --prompt mmlu."
    )


def test_a_syntax_error_is_said():
    with pytest.raises(PromptError) as caught:
        render("{% for m in messages %}", "x")
    assert re.fullmatch(
        r"the model's chat template is not valid Jinja \(.*endfor.*\)\. Use --prompt mmlu\.",
        str(caught.value),
    )


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("{{ messages[0].nope.deeper }}", "UndefinedError"),
        ("{{ nope() }}", "UndefinedError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
        ("{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}", "RecursionError"),
    ],
)
def test_a_template_that_fails_is_said_to(source, error):
    with pytest.raises(
        PromptError, match=rf"^the model's chat template fails \({error}: .*mmlu\.$"
    ):
        render(source + EACH, "x")


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__']['__mro__'] }}",
        "{{ (''|attr('__class__')).__mro__ }}",
        "{{ raise_exception.__globals__['json'] }}",
        "{{ strftime_now.__self__.year }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update(role='system') }}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
    ],
)
def test_a_template_cannot_walk_out_of_its_sandbox(source):
    with pytest.raises(PromptError, match=r"^the model's chat template fails \(SecurityError: "):
        render(source + EACH, "x")


def test_a_template_cannot_run_a_program(tmp_path):
    trace = tmp_path / "trace"
    source = "{{ cycler.__init__.__globals__.os.popen('touch " + str(trace) + "') }}"
    with pytest.raises(PromptError, match="SecurityError"):
        render(source + EACH, "x")
    assert not trace.exists()


@pytest.mark.parametrize("tag", ["include 'f'", "import 'f' as f", "extends 'f'"])
def test_a_template_sees_no_files(tmp_path, monkeypatch, tag):
    (tmp_path / "f").write_text("secret")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PromptError, match="no loader for this environment"):
        render("{% " + tag + " %}" + EACH, "x")


def test_a_huge_range_is_refused():
    with pytest.raises(PromptError, match="Range too big"):
        render("{{ range(1000000000) }}" + EACH, "x")


def test_one_rendering_leaves_nothing_for_the_next():
    source = "{% set ns = namespace(n=0) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}" + EACH
    assert text_of(source, "x") == text_of(source, "x") == "1<user>x</>"
