"""`show --question`: how one run answered, however it was asked and read."""

from __future__ import annotations

import math

import pytest
from click.testing import CliRunner

from ggufeval.cli import cli
from ggufeval.store import Store
from ggufeval.types import (
    BuildInfo,
    Design,
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Prompts,
    Question,
    Record,
    Run,
    RunStatus,
)

QUESTION = Question("q/1", "law", "Which?", ("ab", "é", "c", ""), 1)
NAN = math.nan


@pytest.fixture
def shown(tmp_path):
    """Stores a run that has these records of the question, and shows it."""

    def show(*records, sent=None, options=("--question", "q/1"), status=0, **fingerprint):
        path = tmp_path / "r.sqlite"
        engine = EngineSettings(4096, 512, 512, 64, 2, 0, "on")
        build = BuildInfo("0.3.36", "", "libraries", "AVX2", ("CPU",))
        made = Fingerprint("m", "p", "q", "mmlu", 0, engine=engine, build=build, **fingerprint)
        model = ModelInfo("Tiny", "m.gguf", "m", 1, "llama", 1, "Q8_0", {}, 8.5, 1.0)
        run = Run(
            "", model, made, "t", "s", Design.FULL, {"law": 1}, 1, 1, RunStatus.RUNNING, "", 0, 0,
            0.0, 0, "",
        )  # fmt: skip
        with Store.open(path) as store:
            run_id = store.begin(run, [QUESTION], sent)
            store.add_batch(run_id, 0, "p", records, n_tokens=1, seconds=1.0)
        result = CliRunner().invoke(cli, ["show", run_id, *options, "--db", str(path)])
        assert result.exit_code == status, result.output
        return result.stderr if status else result.stdout

    return show


def letters(letter, *, rotation=0):
    logits = (1.0, 0.0, 3.0, 2.0)
    return Record("", "q/1", rotation, letter, letter == 1, logits, 4.0, 0.9, 1.0, 7, 3.0, 9)


def text(letter, said, error=None, *, rotation=0):
    return Record(
        "", "q/1", rotation, letter, letter == 1, (), NAN, NAN, NAN, -1, NAN, 9, said, error
    )


def test_letters(shown):
    assert shown(letters(2), read="letter", grammar="g") == (
        "q/1\n\nWhich?\n"
        "   A. ab   (log p -3.000)\n"
        "*  B. é   (log p -4.000)\n"
        " > C. c   (log p -1.000)\n"
        "   D.    (log p -2.000)\n"
        "\n* the right one   > the model's answer\n"
    )


def test_a_text(shown):
    assert shown(text(1, "It is\né"), read="sample", grammar="", parser="p") == (
        "q/1\n\nWhich?\n   A. ab\n*> B. é\n   C. c\n   D. \n"
        "\n* the right one   > the model's answer\ntext: It is\\né\n"
    )


def test_a_text_that_could_not_be_read(shown):
    out = shown(text(None, "\x1b[2J", "unparsed: no JSON"), read="sample", grammar="")
    assert ">" not in out.replace("> the model's answer", "")
    assert out.endswith("text: \\x1b[2J\nnot read: unparsed: no JSON\n")


def test_likelihoods_of_texts(shown):
    sums = (-3.0, -4.0, -5.0, -6.0)
    record = Record("", "q/1", 0, 0, False, sums, 0.0, NAN, 1.0, -1, NAN, 9)
    out = shown(record, read="cloze", grammar="")
    assert " > A. ab   (log p -3.000, -1.500 a byte)\n" in out
    assert "*  B. é   (log p -4.000, -2.000 a byte)\n" in out
    assert "   D.    (log p -6.000, -6.000 a byte)\n" in out


def test_rotations(shown):
    records = [letters(1), letters(1, rotation=1), letters(3, rotation=2)]
    assert shown(*records, read="letter", grammar="g", permute="cyclic") == (
        "q/1\n\nWhich?\n"
        "  A. ab   (answered 0 of 3 times)\n"
        "* B. é   (answered 2 of 3 times)\n"
        "  C. c   (answered 0 of 3 times)\n"
        "  D.    (answered 1 of 3 times)\n"
        "\n* the right one\n"
        "\nrotation 0, the right one as B: answered B, which is B above; right\n"
        "\nrotation 1, the right one as A: answered A, which is B above; right\n"
        "\nrotation 2, the right one as D: answered B, which is D above; wrong\n"
    )


def test_rotations_of_texts(shown):
    records = [text(1, "B"), text(None, "Q", "no choice: none is 'Q'", rotation=1)]
    out = shown(*records, read="sample", grammar="", permute="cyclic")
    assert out.endswith(
        "rotation 0, the right one as B: answered B, which is B above; right\ntext: B\n"
        "\nrotation 1, the right one as A: no answer could be read\ntext: Q\n"
        "not read: no choice: none is 'Q'\n"
    )


PROMPT = ("--question", "q/1", "--prompt")


def test_the_prompt_is_shown_as_it_was_sent(shown):
    long = "word " * 40
    sent = Prompts(("Solved é\n",), {("q/1", 0): (0, f"<|eot|>\x1b[2J {long}\tAnswer:")})
    out = shown(letters(2), read="letter", grammar="g", sent=sent, options=PROMPT)
    assert out == f"Solved é\n<|eot|>\\x1b[2J {long}\\tAnswer:\n"


def test_the_prompt_of_every_rotation(shown):
    sent = Prompts(("", "X\n"), {("q/1", 0): (1, "one"), ("q/1", 1): (0, "two")})
    records = [letters(1), letters(1, rotation=1)]
    out = shown(*records, read="letter", grammar="g", sent=sent, options=PROMPT)
    assert out == (
        "--- rotation 0, the right one as B: answered B, which is B above; right\nX\none\n"
        "--- rotation 1, the right one as A: answered A, which is B above; right\ntwo\n"
    )


def test_no_prompt_was_kept(shown):
    said = shown(letters(2), read="letter", grammar="g", options=PROMPT, status=2)
    assert "were not kept, as by older versions. Repeat its command" in said


def test_the_prompt_of_no_question(shown):
    said = shown(letters(2), read="letter", grammar="g", options=["--prompt"], status=2)
    assert "add --question ID" in said
