"""Which brackets of a grammar count, and that llama.cpp bears as many as we let it have."""

from __future__ import annotations

from collections.abc import Iterator

import llama_cpp
import pytest

from ggufeval.errors import ModelError
from ggufeval.llama import capi, grammar
from ggufeval.llama.model import Model

MANY = "(" * 300
DEEP = "(" * 201 + '"x"' + ")" * 201


@pytest.fixture(scope="module")
def model(vocabulary) -> Iterator[Model]:
    capi.start()
    with Model(vocabulary, vocab_only=True) as loaded:
        yield loaded


@pytest.mark.parametrize(
    "rules",
    [
        DEEP,
        rf'"\\" {DEEP}',
        rf'"\"(" {DEEP}',
        rf"[\]\\]{DEEP}",
        f"# (\n{DEEP}",
        f"<[1]>{DEEP}",
        '"x"? ' * 10_000,
        '"x" | ("y") ' * 10_000,
        'a "x"\n' + 'a ::= "x"\n' * 10_000,
    ],
    ids=lambda rules: rules[:12],
)
def test_too_large(model, rules):
    with pytest.raises(ModelError, match="no brackets more than 200 deep"):
        grammar.sampler(model, f"root ::= {rules}")


@pytest.mark.parametrize(
    "rules",
    [
        "(" * 200 + '"x"' + ")" * 200,
        '("x" ("y"))' * 300,
        '"x"? ' * 9_999,
        rf'"{MANY}\"{MANY}\\" "#(" "[" ("x")',
        rf'[{MANY}\]{MANY}\\] [^#(] ["] ("x")',
        f'# {MANY} "\n("x") # {MANY} [',
        '<[1]> !<[2]> ("x")',
    ],
    ids=lambda rules: rules[:12],
)
def test_not_too_large(model, rules):
    llama_cpp.llama_sampler_free(grammar.sampler(model, f"root ::= {rules}"))
