"""Templates, grammars and headers that want everything get one sentence."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from ggufeval import prompts
from ggufeval.errors import ModelError, PromptError, WorkerError
from ggufeval.llama import limits
from ggufeval.llama.client import ModelProcess
from ggufeval.types import Prompt, Question, Span

ASKED = (Question("q/0", "law", "One?", ("a", "b"), 1),)
MEMORY = r"own\.jinja fails \(it takes more memory than it may have\)"
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a limit that holds")


def slow_to_end(_: object) -> list[Prompt]:
    """The first 500 come at once, and the others are long."""
    first = [Prompt(f"q/{i}", (Span("One?"),), (" A", " B")) for i in range(500)]
    text = "one two three " * 200_000
    return first + [Prompt(f"r/{i}", (Span(text),), (" A", " B")) for i in range(500)]


@pytest.fixture
def refused(vocabulary, tmp_path):
    """What is said of a template of one's own."""

    def render(source: str, timeout: float = 60.0) -> str:
        path = tmp_path / "own.jinja"
        path.write_text(source)
        make = partial(prompts.render, f"template:{path}", ASKED, {})
        with ModelProcess() as process, pytest.raises(PromptError) as caught:
            process.tokenize(vocabulary, make, timeout=timeout, template=str(path))
        assert len(str(caught.value)) < 1000
        return str(caught.value)

    return render


@ON_LINUX
@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 10**10 }}",
        "{% set n = 10 %}{{ 'a' * n**10 }}",
        (
            "{% set n = namespace(s='a') %}"
            "{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}"
        ),
        "{{ range(99999) | join('a' * 100000) }}",
        "{{ '%1000000000000d' | format(1) }}",
        "{{ '{:>99999999999}'.format(1) }}",
        "{{ 'a' | center(10**11) }}",
        "{{ raise_exception('x' * 10**10) }}",
    ],
)
def test_a_template_that_wants_all_memory(refused, source):
    assert re.search(MEMORY, refused(source + "{{ question }}:"))


def test_what_a_template_says_of_itself_is_cut(refused):
    said = refused("{{ raise_exception('x' * 10**6) }}")
    assert said.endswith(f"PromptError: {'x' * 287}...).")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ '' | attr('__class__') }}", "SecurityError"),
        ("{{ '{0.__class__.__mro__}'.format(question) }}", "SecurityError"),
        ("{{ '%s' | format(question.__class__) }}", "SecurityError"),
        ("{{ cycler.__init__.__globals__ }}", "SecurityError"),
        ("{% for i in range(10**9) %}{% endfor %}", "OverflowError: Range too big"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
        ("{% include '/etc/passwd' %}", "no loader"),
        ("{% import 'os' as os %}", "no loader"),
        ("{% extends '/etc/passwd' %}", "no loader"),
        ("{% if 1 %}" * 5000 + "{% endif %}" * 5000, "RecursionError"),
        ("{{" + "(" * 100_000 + "1" + ")" * 100_000 + "}}", "RecursionError"),
    ],
    ids=lambda text: text[:30],
)
def test_a_template_that_reaches_out(refused, source, why):
    assert why in refused(source + "{{ question }}:")


@pytest.mark.parametrize("source", ["{{ lipsum(n=100000) }}", "x{# #}" * 2_000_000])
def test_a_template_that_takes_its_time(refused, source):
    start = time.monotonic()
    assert "did not finish within 2 seconds" in refused(source + "{{ question }}:", timeout=2.0)
    assert time.monotonic() - start < 30


def test_a_prompt_that_no_context_holds(refused):
    said = refused("{{ 'a' * 9000000 }}{{ question }}:")
    assert said.startswith("the prompt of q/0 has 9,000,005 characters; at most 8,000,000")


def test_the_time_is_that_of_all_prompts(vocabulary):
    with (
        ModelProcess() as process,
        pytest.raises(PromptError, match="did not finish within 5 seconds"),
    ):
        process.tokenize(vocabulary, slow_to_end, timeout=5.0)


# --- grammars ---

TWICE = [f"a{i} ::= a{i + 1} | a{i + 1}" for i in range(40)]
WAYS = "\n".join(["root ::= a0", *TWICE, 'a40 ::= "x"'])
"""2**40 ways to one text."""


def test_a_grammar_of_too_many_ways(vocabulary, monkeypatch):
    monkeypatch.setattr(limits, "GRAMMAR_SECONDS", 2.0)
    with (
        ModelProcess() as process,
        pytest.raises(WorkerError, match="not through with the grammar within 2 seconds"),
    ):
        process.check_grammar(vocabulary, WAYS)


@pytest.mark.parametrize(
    "grammar",
    ['root ::= root "a" | "a"', 'root ::= "a"{1000000}', 'x ::= "a"', "root ::= nope", " "],
)
def test_a_grammar_that_llama_cpp_refuses(vocabulary, grammar):
    with ModelProcess() as process, pytest.raises(ModelError, match="cannot parse the grammar"):
        process.check_grammar(vocabulary, grammar)


def test_a_grammar_is_not_said_whole(vocabulary):
    grammar = "root ::= nope # " + "x" * 10_000
    with ModelProcess() as process, pytest.raises(ModelError) as caught:
        process.check_grammar(vocabulary, grammar)
    assert len(str(caught.value)) < 200


DEEP = "root ::= " + "(" * 100_000
CHAIN = (
    "root ::= a0\n" + "".join(f"a{i} ::= a{i + 1}\n" for i in range(100_000)) + 'a100000 ::= "x"'
)


def test_a_grammar_that_would_fill_llama_cpps_stack(vocabulary):
    with ModelProcess() as process:
        for grammar in (DEEP, CHAIN):
            with pytest.raises(
                ModelError, match=r"more than llama\.cpp bears: at most 10,000 rules"
            ):
                process.check_grammar(vocabulary, grammar)


DRAW = """
import sys
from pathlib import Path
import numpy as np
from ggufeval.llama import capi, limits
from ggufeval.llama.model import Model
from ggufeval.llama.sampler import Candidates, Sampler
limits.GRAMMAR_SECONDS = float(sys.argv[2])
capi.start()
with Model(Path(sys.argv[1]), vocab_only=True) as model:
    logits = np.zeros(model.n_vocab, np.float32)
    candidates = Candidates(model.n_vocab)
    with Sampler(model, candidates, temperature=0.0, seed=0, grammar=sys.argv[3]) as sampler:
        print(model.piece(sampler.draw(logits)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_grammar_that_takes_forever_ends_the_process(vocabulary):
    def draw(seconds: float, grammar: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", DRAW, vocabulary, str(seconds), grammar]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert draw(20.0, 'root ::= "A"').stdout == "b'A'\n"
    done = draw(1.0, WAYS)
    assert (done.returncode, done.stdout) == (-signal.SIGALRM, "")


# --- headers ---


@pytest.mark.parametrize("name", ["info", "details"])
def test_a_header_that_takes_forever(vocabulary, monkeypatch, name):
    monkeypatch.setattr(limits, "HEADER_SECONDS", 0.0)
    with (
        ModelProcess() as process,
        pytest.raises(ModelError, match=r"vocabulary\.gguf: .* header within 0 seconds"),
    ):
        getattr(process, name)([vocabulary])
