"""The room's door: styles by name, and prompts of many questions."""

import pkgutil

import pytest

from ggufeval import prompts
from ggufeval.errors import PromptError, UsageError
from ggufeval.prompts import chat, mmlu
from ggufeval.types import ChatTemplate, Question

ONE = Question("q/1", "law", "One?", ("a", "b"), 0)
TWO = Question("q/2", "art", "Two?", ("a", "b"), 1)


HELPERS = {"fixed", "gbnf", "instruction", "listed", "style", "system", "template"}
KNOWN = (
    "answer-line, chat, continuation, json, json-final, json-subject, meta, meta-rows, "
    "meta-system, mmlu, mmlu-original, template"
)


def test_every_style_is_found_under_its_name():
    assert ", ".join(sorted(prompts.styles())) == KNOWN
    assert all(name == style.name for name, style in prompts.styles().items())
    assert prompts.styles()["mmlu"] is mmlu.STYLE


def test_a_style_is_named_as_its_file():
    files = {module.name for module in pkgutil.iter_modules(prompts.__path__)} - HELPERS
    names = {"user_template": "template"}  # `template` is what renders a model's own
    expected = {names.get(file) or file.strip("_").replace("_", "-") for file in files}
    assert prompts.styles().keys() == expected


TEXT_STYLES = ("answer-line", "continuation", "json", "json-final", "json-subject")


@pytest.mark.parametrize("name", sorted(prompts.styles()))
def test_only_these_styles_answer_with_a_text(name):
    style = prompts.styles()[name]
    assert style.by_letter is (name not in TEXT_STYLES)
    assert (style.form is None) is style.by_letter


@pytest.mark.parametrize("name", TEXT_STYLES)
def test_a_letter_is_not_read_where_a_text_is_the_answer(name):
    with pytest.raises(UsageError) as caught:
        prompts.letter_style(name)
    assert str(caught.value) == (
        f"--prompt {name}: --read letter needs a style whose answer is a letter; use --read sample."
    )


def test_a_letter_is_read_elsewhere():
    assert prompts.letter_style("meta-system").name == "meta-system"


def test_every_style_is_described():
    assert all(style.description for style in prompts.styles().values())


def test_a_style_by_name():
    assert prompts.style("chat") is chat.STYLE


def test_an_unknown_style_offers_the_nearest():
    with pytest.raises(UsageError) as caught:
        prompts.style("mmul")
    assert str(caught.value) == (
        f"no prompt style 'mmul'. Did you mean 'mmlu'? There are: {KNOWN}."
    )


def test_a_style_near_to_none_is_only_shown_the_list():
    with pytest.raises(UsageError) as caught:
        prompts.style("zzz")
    assert str(caught.value) == f"no prompt style 'zzz'. There are: {KNOWN}."


def test_prompts_come_in_the_questions_order():
    rendered = prompts.render("mmlu", [TWO, ONE], {}, None)
    assert [prompt.question_id for prompt in rendered] == ["q/2", "q/1"]


def test_a_question_gets_the_shots_of_its_own_subject():
    shots = {"law": [Question("d/1", "law", "Dev?", ("x", "y"), 1)]}
    one, two = prompts.render("mmlu", [ONE, TWO], shots, None)
    assert "about law.\n\nDev?\nA. x\nB. y\nAnswer: B\n\nOne?" in one.text
    assert "about art.\n\nTwo?" in two.text


def test_an_error_names_the_question():
    template = ChatTemplate("{% if 'Two?' in messages[0].content %}{{ nope() }}{% endif %}", "", "")
    with pytest.raises(PromptError, match=r"^q/2: the model's chat template fails "):
        prompts.render("chat", [TWO], {}, template)


def test_an_unknown_style_is_refused_before_anything_is_rendered():
    with pytest.raises(UsageError, match="no prompt style 'chat2'"):
        prompts.render("chat2", [], {}, None)
