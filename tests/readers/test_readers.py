"""What goes together, and what a run's fingerprint says of it."""

from __future__ import annotations

import math

import pytest

from ggufeval import readers
from ggufeval.errors import UsageError
from ggufeval.readers.reader import Conditions
from ggufeval.types import Question

FOUR = Question("q/4", "law", "?", ("a", "b", "c", "d"), 2)
TWO = Question("q/2", "law", "?", ("yes", '"no"'), 0)


def conditions(name, prompt, *questions, **options):
    return readers.make(name, prompt, **options).conditions(questions or (FOUR,))


@pytest.mark.parametrize(
    ("name", "prompt"), [("letter", "mmlu"), ("sample", "mmlu"), ("cloze", "continuation")]
)
def test_the_prompt_that_suits_a_reading(name, prompt):
    assert readers.make(name, None).prompt == prompt


def test_a_letter_has_a_form_for_each_number_of_choices():
    assert conditions("letter", "mmlu", FOUR, TWO, FOUR) == Conditions(
        "letter", 'root ::= " " [A-B]; root ::= " " [A-D]'
    )


def test_a_cloze_has_no_grammar():
    assert conditions("cloze", None) == Conditions("cloze")


def test_a_text_without_a_grammar_is_read_by_the_styles_parser():
    assert conditions("sample", "json", temperature=0.6, max_tokens=10, seed=3) == Conditions(
        "sample", "", "json", 0.6, 10, 3
    )


def test_the_seed_is_no_condition_where_nothing_is_drawn():
    assert conditions("sample", "json", temperature=0.0, seed=3).seed == 0
    assert conditions("sample", "json", seed=3) == conditions("sample", "json", seed=4)


def test_a_grammar_of_answers_is_read_to_the_letter():
    found = conditions("sample", "mmlu", FOUR, TWO, grammar="letter")
    assert (found.grammar, found.parser) == ('root ::= " " [A-D]; root ::= " " [A-B]', "exact")
    assert conditions("sample", "json", grammar="letter").grammar == "root ::= [A-D]"


def test_grammars_of_choices_are_known_by_their_hash():
    one, two = (conditions("sample", "json", q, grammar="choice") for q in (FOUR, TWO))
    assert one.grammar.startswith("choice sha256:")
    assert one.grammar != two.grammar
    assert one.parser == "exact"
    assert one == conditions("sample", "json", FOUR, FOUR, grammar="choice")
    assert one.grammar != conditions("sample", "answer-line", FOUR, grammar="choice").grammar


def test_a_grammar_of_json_is_read_as_json():
    found = conditions("sample", "answer-line", grammar="json")
    assert found.parser == "json"
    assert found.grammar.startswith("root ::= ")


def test_a_grammar_of_ones_own_is_known_by_its_text(tmp_path):
    own = tmp_path / "own.gbnf"
    own.write_text('root ::= "yes"\n')
    found = conditions("sample", "mmlu", grammar=str(own))
    assert (found.grammar, found.parser) == ('root ::= "yes"\n', "letter")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b" \n", "the file is empty"), (b"\xff", "UTF-8 text")],
)
def test_a_file_that_is_no_grammar_is_refused(tmp_path, content, said):
    own = tmp_path / "own.gbnf"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        readers.make("sample", "mmlu", grammar=str(own))


@pytest.mark.parametrize("name", ["letter", "cloze"])
@pytest.mark.parametrize(
    "options", [{"temperature": 0.0}, {"max_tokens": 9}, {"grammar": "none"}, {"grammar": "choice"}]
)
def test_what_is_for_texts_is_refused_elsewhere(name, options):
    with pytest.raises(UsageError, match=rf"--read {name} writes no text: .* for --read sample"):
        readers.make(name, None, **options)


def test_a_grammar_of_letters_is_what_letter_reads_under():
    assert readers.make("letter", None, grammar="letter") == readers.make("letter", None)
    with pytest.raises(UsageError, match="--read cloze writes no text"):
        readers.make("cloze", None, grammar="letter")


@pytest.mark.parametrize("temperature", [math.nan, math.inf, -0.1])
def test_a_temperature_is_a_number_from_0_upwards(temperature):
    with pytest.raises(UsageError, match=r"--temperature .*: a number from 0 upwards"):
        readers.make("sample", None, temperature=temperature)


@pytest.mark.parametrize("prompt", ["json", "json-final", "json-subject", "answer-line"])
def test_words_around_a_text_have_a_likelihood_too_and_are_refused(prompt):
    with pytest.raises(UsageError, match=f"--prompt {prompt}: its answer has words around"):
        readers.make("cloze", prompt)


@pytest.mark.parametrize("name", ["letter", "sample", "cloze"])
def test_an_unknown_style_is_refused_at_once(name):
    with pytest.raises(UsageError, match=r"no prompt style 'mmul'\. Did you mean 'mmlu'"):
        readers.make(name, "mmul")


def test_a_style_of_texts_has_no_letter():
    with pytest.raises(UsageError, match="--read letter needs a style whose answer is a letter"):
        readers.make("letter", "json")
