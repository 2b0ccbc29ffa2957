"""The grammar that makes a model answer with one letter, as a set of admissible tokens."""

from __future__ import annotations

import ctypes
import re
import reprlib
from dataclasses import dataclass
from typing import Any

import llama_cpp

from ggufeval.errors import ModelError
from ggufeval.llama import limits
from ggufeval.llama.model import Model
from ggufeval.types import AnswerForm

_PIECES = re.compile(
    r'"(?:\\.|[^"\\])*+"?'  # a text
    r"|\[(?:\\.|[^\]\\])*+\]?"  # a class of characters
    r"|<[^>]*+"  # a token
    r"|#[^\r\n]*+"  # a comment
    r"|::=|[()*+?{]",
    re.DOTALL,
)
"""Of GBNF: what makes rules, and what may hold signs that make none."""


@dataclass(frozen=True, slots=True)
class Admissible:
    """Tokens that the grammar lets stand first.

    `letters[i]` are those that complete letter i (SentencePiece vocabularies hold two: the piece
    and the byte), `partial` those that only begin an answer, such as a bare space.
    """

    letters: tuple[tuple[int, ...], ...]
    partial: tuple[int, ...]


def admissible(model: Model, form: AnswerForm) -> Admissible:
    """Ask llama.cpp's own grammar sampler about the whole vocabulary (10 to 70 ms).

    Raises ModelError where an answer is no single token.
    """
    allowed = first_tokens(model, form.grammar)
    answers = {answer.encode(): i for i, answer in enumerate(form.answers)}
    letters: list[list[int]] = [[] for _ in form.answers]
    partial = []
    for token in allowed:
        index = answers.get(model.piece(token))
        if index is None:
            partial.append(token)
        else:
            letters[index].append(token)
    if not all(letters):
        missing = [form.answers[i] for i, tokens in enumerate(letters) if not tokens]
        raise ModelError(
            f"{model.path}: its vocabulary has no single token for the answers {missing}. "
            "Choose another --prompt."
        )
    return Admissible(tuple(map(tuple, letters)), tuple(partial))


def sampler(model: Model, grammar: str) -> Any:  # noqa: ANN401 - a pointer, the caller's to free
    """llama.cpp's own sampler of a grammar in GBNF.

    Raises ModelError where llama.cpp cannot read it, or finds nothing in it.
    """
    _check_size(grammar)
    handle = None
    if grammar.strip():  # an empty one is taken for none
        with limits.patience():
            handle = llama_cpp.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root")
    if not handle:
        raise ModelError(
            f"llama.cpp cannot parse the grammar {reprlib.repr(grammar)}. It must be GBNF with a "
            "rule `root`."
        )
    return handle


def _check_size(grammar: str) -> None:
    depth = n_rules = 0
    for piece in map(re.Match.group, _PIECES.finditer(grammar)):
        depth += (piece == "(") - (piece == ")")
        n_rules += piece in {"::=", "(", "*", "+", "?", "{"}
        if depth > limits.GRAMMAR_DEPTH or n_rules > limits.GRAMMAR_RULES:
            raise ModelError(
                f"the grammar {reprlib.repr(grammar)} is more than llama.cpp bears: at most "
                f"{limits.GRAMMAR_RULES:,} rules, brackets and repetitions were expected, and no "
                f"brackets more than {limits.GRAMMAR_DEPTH} deep. Make it smaller."
            )


def first_tokens(model: Model, grammar: str) -> list[int]:
    """The tokens that the grammar lets stand first."""
    handle = sampler(model, grammar)
    try:
        data = (llama_cpp.llama_token_data * model.n_vocab)()
        for token in range(model.n_vocab):
            data[token].id = token
        candidates = llama_cpp.llama_token_data_array(data, model.n_vocab, -1, False)
        llama_cpp.llama_sampler_apply(handle, ctypes.byref(candidates))
        return [data[i].id for i in range(candidates.size) if data[i].logit != -float("inf")]
    finally:
        llama_cpp.llama_sampler_free(handle)
