"""`ggufeval prompts`: which styles there are, and what exactly is sent."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ggufeval import prompts
from ggufeval.cli import cli

FIRST = "sample/test/anatomy/0"


def ok(*arguments: object) -> str:
    result = CliRunner().invoke(cli, ["prompts", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(cli, [*map(str, arguments)])
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    return result.stderr.splitlines()[-1].removeprefix("Error: ")


@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_the_list_has_a_line_of_80_columns_for_each_style(arguments):
    lines = ok(*arguments).splitlines()
    assert [line.split()[0] for line in lines] == sorted(prompts.styles())
    assert max(map(len, lines)) <= 80
    assert (
        lines[6] == "meta           Meta's own prompt for Llama 3: raw text with its header tokens"
    )


def test_without_a_model_there_is_the_text_with_control_spans_in_brackets():
    out = ok("show", "meta", "--shots", 0, "--question", FIRST)
    assert out.startswith(
        "[[<|start_header_id|>user<|end_header_id|>\n\n]]Given the following question and four "
    )
    assert out.endswith(
        "[[<|eot_id|>]][[<|start_header_id|>assistant<|end_header_id|>\n\n]]The best answer is\n"
    )


def test_the_first_question_is_shown_where_none_is_named():
    assert ok("show", "mmlu") == ok("show", "mmlu", "--question", FIRST)


def test_a_model_has_tokens_too(vocabulary):
    out = ok("show", "mmlu", "--shots", 1, "-m", vocabulary, "--question", FIRST)
    head, tokens = out.split("--- tokens: position, id, piece\n")
    shared, own = head.split("--- its own: 46 tokens\n")
    assert shared.startswith(
        "--- shared with 9 other questions of its subject: 59 tokens\n"
        "The following are multiple choice questions (with answers) about anatomy.\n\nWhich part"
    )
    assert own.startswith("Signals for the sense of smell")
    assert own.endswith("\nD. Cranial nerve XII\nAnswer:\n")
    lines = tokens.splitlines()
    assert lines[:2] == ["     0     504  'The'", "     1    1695  ' following'"]
    assert lines[59] == "--- its own"
    assert lines[-1] == "   104      42  ':'"
    assert max(map(len, lines)) <= 80


def test_control_tokens_and_parts_of_characters_are_marked(llama3_vocabulary, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("question,A,B,answer\n<|eot_id|> \u16a0\x1b?,a,b,A\n", encoding="utf-8")
    arguments = ("--data", path, "--shots", 0, "-m", llama3_vocabulary)
    out = ok("show", "meta", *arguments)
    assert "[[<|begin_of_text|>]][[<|start_header_id|>]]user[[<|end_header_id|>]]\n\nGiven" in out
    assert "Question: <|eot_id|> \u16a0\\x1b?\n" in out
    assert out.startswith("--- shared with 0 other questions of its subject: 0 tokens\n--- its own")
    assert "\n     0  128000  [[<|begin_of_text|>]]\n" in out
    assert "  b'" in out
    assert "\x1b" not in out


def test_a_template_of_ones_own_is_shown_with_a_model(vocabulary, tmp_path):
    path = tmp_path / "own.jinja"
    path.write_text("<|im_start|>{{ question }}\nIt is")
    out = ok("show", f"template:{path}", "--shots", 0, "-m", vocabulary)
    assert "[[<|im_start|>]]" in out


def test_a_template_that_loops_is_refused_by_its_name(vocabulary, tmp_path, monkeypatch):
    from ggufeval import job

    monkeypatch.setattr(job, "TEMPLATE_SECONDS", 2.0)
    path = tmp_path / "own.jinja"
    loop = "{% for i in range(99999) %}"
    path.write_text(f"{loop * 3}{{{{ question }}}}{'{% endfor %}' * 3}It is")
    message = refused("prompts", "show", f"template:{path}", "--shots", 0, "-m", vocabulary)
    assert f"{path} did not finish within 2 seconds" in message


@pytest.mark.parametrize("style", ["chat", "json", "json-subject", "answer-line", "meta-system"])
def test_styles_of_a_chat_template_need_a_model(style):
    assert refused("prompts", "show", style) == (
        f"the prompt style `{style}` needs a model to be shown: add --model MODEL."
    )


def test_somebodys_program_is_not_run_outside_a_models_process(tmp_path):
    path = tmp_path / "own.jinja"
    path.write_text("{{ question }}")
    assert refused("prompts", "show", f"template:{path}").endswith(
        "needs a model to be shown: add --model MODEL."
    )


def test_an_unknown_question_or_style_is_refused():
    assert refused("prompts", "show", "mmlu", "--question", "nope") == (
        f"--question nope: embedded has none of that id; one of 160 was expected, such as {FIRST}."
    )
    assert refused("prompts", "show", "mmul").startswith("no prompt style 'mmul'. Did you mean")


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_letter_cannot_be_read_where_a_text_is_asked_for(command, vocabulary, tmp_path):
    arguments = ("--prompt", "json", "--task", "sample", "--db", tmp_path / "r.sqlite")
    assert refused(command, vocabulary, *arguments) == (
        "--prompt json: --read letter needs a style whose answer is a letter; use --read sample."
    )
