"""Grammars that let through one of a question's choices, in llama.cpp's GBNF."""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.types import AnswerForm

JSON_ANSWER = r"""root ::= "{\"Answer\": \"" char* "\"}"
char ::= [^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})
"""
"""A JSON object with any text as its answer."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def literal(text: str) -> str:
    """Any text as a GBNF literal."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\x{ord(char):02X}" if ord(char) < 0x20 or char == "\x7f" else char


def one_of(before: str, texts: Sequence[str], after: str = "") -> AnswerForm:
    """One of the texts between `before` and `after`.

    Equal texts are one alternative. Where one is the beginning of another, what ends the answer
    (`after`, or the end of the turn) tells them apart.
    """
    alternatives = " | ".join(literal(text) for text in dict.fromkeys(texts))
    parts = [literal(before), f"({alternatives})", *([literal(after)] if after else [])]
    return AnswerForm(f"root ::= {' '.join(parts)}", tuple(before + text + after for text in texts))
