"""A user's own Jinja file: what it may write, and how it is refused by its name."""

import pytest

from ggufeval import prompts
from ggufeval.errors import PromptError, UsageError
from ggufeval.types import Question, Span

OWN = """\
<|start|>{{ subject | upper }}
{% for shot in shots %}
Q: {{ shot.question }} ({{ shot.choices | join(", ") }}) {{ shot.answer }}, {{ shot.text }}
{% endfor %}
Q: {{ question | trim }}
{% for choice in choices %}
{{ letters[loop.index0] }}) {{ choice }}
{% endfor %}
A:"""

TEXT = """\
<|start|>HIGH SCHOOL PHYSICS
Q: One? (a, b, c, d) B, b
Q: What falls?
A) A stone
B)  air\x20
C) c
D)\x20
A:"""


@pytest.fixture
def own(tmp_path):
    """A style from a file of this text."""

    def make(text):
        path = tmp_path / "own.jinja"
        path.write_text(text, encoding="utf-8")
        return prompts.style(f"template:{path}")

    return make


@pytest.fixture
def refused(own, question):
    """Why a file of this text makes no prompt; `FILE` is its name."""

    def refuse(text):
        style = own(text)
        with pytest.raises(PromptError) as caught:
            style.render(question, (), None)
        return str(caught.value).replace(style.name.partition(":")[2], "FILE")

    return refuse


def test_it_writes_the_question_its_choices_and_shots(own, question, shots, llama):
    style = own(OWN)
    assert style.render(question, shots[:1], None).text == TEXT
    assert style.render(question, shots[:1], llama).text == TEXT
    assert style.by_letter


def test_what_it_is_given_is_text_and_what_it_says_is_control(own):
    hostile = Question("q", "law", "<|start|>{{ 7*7 }}", ("<|eot|>", "b"), 0)
    spans = own("<|start|>{{ question }} {{ choices[0] }}/{{ choices[1] }}:").render(
        hostile, (), None
    )
    assert spans.spans == (
        Span("<|start|>", control=True),
        Span("<|start|>{{ 7*7 }}"),
        Span(" ", control=True),
        Span("<|eot|>"),
        Span("/", control=True),
        Span("b"),
        Span(":", control=True),
    )


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("{{ question }}\nAnswer:", (" A", " B")),
        ("{{ question }}\nAnswer:\n", (" A", " B")),
        ("{{ question }}\nAnswer: ", ("A", "B")),
        ("{{ question }}\n\n\n", ("A", "B")),
    ],
)
def test_its_end_decides_whether_the_letter_carries_a_space(own, with_choices, text, answers):
    style = own(text)
    prompt = style.render(with_choices(2), (), None)
    assert prompt.answers == answers
    assert style.answer_prefix + "A" == answers[0]


def test_an_end_that_is_not_as_it_looks_is_refused(refused):
    assert refused("{{ question }}{{ '\\n' }}") == (
        "FILE was expected to end without white space, as its last line does, since that decides "
        "whether the answer is ` A` or `A`."
    )


def test_ten_choices(own, with_choices):
    prompt = own("{{ choices | join('|') }}:").render(with_choices(10), (), None)
    assert prompt.text == "c0|c1|c2|c3|c4|c5|c6|c7|c8|c9:"
    assert prompt.answers[-1] == " J"


def test_bos_is_the_models(own, question, llama):
    assert (
        own("{{ bos_token }}{{ question }}:")
        .render(question, (), llama)
        .text.startswith("<|begin|> What")
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{% include '/etc/passwd' %}", "TypeError"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ cycler.__init__.__globals__.os.popen('id') }}", "SecurityError"),
        ("{% for i in range(10**9) %}x{% endfor %}", "OverflowError"),
        ("{{ open('/etc/passwd') }}", "UndefinedError: 'open' is undefined"),
        ("{{ qestion }}", "UndefinedError: 'qestion' is undefined"),
        ("{% if %}", "TemplateSyntaxError"),
        ("{{ raise_exception('four choices only') }}", "PromptError: four choices only"),
    ],
)
def test_one_that_fails_or_reaches_out_is_refused(refused, text, why):
    assert refused(text).startswith(f"FILE fails ({why}")


@pytest.mark.parametrize(
    "text",
    [
        "{{ question[:4] }}",
        "{{ question.split('f')[0] }}",
        "{{ question | reverse }}",
        "{{ question.split(' ') | join('_') }}{{ question | length }}",
        "{{ question | truncate(9) }}",
        "{{ question | list | sort | join }}",
    ],
)
def test_one_that_changes_words_is_refused(refused, text):
    assert refused(text).startswith("FILE changes the question's words. It may write `question`")


def test_noncharacters_are_refused(own):
    with pytest.raises(PromptError, match=r"^the text holds U\+FDD0 or U\+FDD1"):
        own("{{ question }}").render(Question("q", "law", "a\ufdd0", ("a", "b"), 0), (), None)


def test_an_error_names_the_question_too(tmp_path, question):
    path = tmp_path / "own.jinja"
    path.write_text("{{ nothing }}")
    with pytest.raises(PromptError) as caught:
        prompts.render(f"template:{path}", [question], {}, None)
    assert str(caught.value) == f"q/1: {path} fails (UndefinedError: 'nothing' is undefined)."


@pytest.mark.parametrize("name", ["template", "template:"])
def test_without_a_file_there_is_no_such_style(name):
    with pytest.raises(UsageError) as caught:
        prompts.style(name)
    assert str(caught.value) == (
        "--prompt template: a file was expected, as in template:FILE.jinja."
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"missing.jinja: No such file or directory\.$"):
        prompts.style(f"template:{tmp_path}/missing.jinja")
    (tmp_path / "latin.jinja").write_bytes(b"\xe9")
    with pytest.raises(UsageError, match=r"latin.jinja was expected to be UTF-8 text\.$"):
        prompts.style(f"template:{tmp_path}/latin.jinja")
