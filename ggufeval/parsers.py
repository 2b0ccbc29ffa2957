"""Text that a model wrote freely -> the choice that it answers, or why none can be read.

Each parser is as strict as what it is named after, and no stricter. Nothing is guessed: a text that
cannot be read answers nothing, and is wrong. `names()` are chosen by name (`Style.parser`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from ggufeval.types import LETTERS, Question, Reading

UNPARSED = "unparsed"
"""Begins the error of a text that is not in the form asked for."""
NO_CHOICE = "no choice"
"""Begins the error of a text in that form that names none of the choices, or several."""

_BEST = "The best answer is"
_SHOWN = 40

Parser = Callable[[str, Question], Reading]


def read(parser: str, text: str, question: Question) -> Reading:
    """What the text answers, read by the parser of that name."""
    return _PARSERS[parser](text, question)


def names() -> Sequence[str]:
    """Their names, sorted."""
    return sorted(_PARSERS)


def exact(text: str, answers: Sequence[str], question: Question) -> Reading:
    """A text that a grammar has let through: it is one of the answers, to the letter.

    It is not where generation ended before its answer did.
    """
    matches = [i for i, answer in enumerate(answers) if answer == text]
    if matches:
        return Reading(question.answer if question.answer in matches else matches[0])
    return _unparsed(f"not one of the answers: {_shown(text)}")


# --- one parser a form ---------------------------------------------------------------------


def _letter(text: str, question: Question) -> Reading:
    """The first line that is not empty is the letter and nothing else."""
    line = text.strip().partition("\n")[0].strip()
    letters = LETTERS[: len(question.choices)]
    if len(line) == 1 and line in letters:
        return Reading(letters.index(line))
    if len(line) == 1 and line in LETTERS:
        return _no_choice(line)
    return _unparsed(f"a letter was expected, found {_shown(line)}")


def _best_answer(text: str, question: Question) -> Reading:
    """It begins with `The best answer is`, and the next character is the letter.

    The study looked at that one character: `The best answer is Bone` answers B.
    """
    said = text.strip()
    if not said.startswith(_BEST):
        return _unparsed(f"`{_BEST}` was expected, found {_shown(said)}")
    rest = said.removeprefix(_BEST).lstrip()
    if not rest:
        return _unparsed(f"nothing follows `{_BEST}`")
    letters = LETTERS[: len(question.choices)]
    if rest[0] in letters:
        return Reading(letters.index(rest[0]))
    return _no_choice(rest)


def _json(text: str, question: Question) -> Reading:
    """The whole text is a JSON object, and its `answer` (in any case) a choice, lowercased."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _unparsed(f"JSON was expected, found {_shown(text.strip())}")
    if not isinstance(value, dict):
        return _unparsed(f"a JSON object was expected, found {_shown(text.strip())}")
    found = [said for key, said in value.items() if key.lower() == "answer"]
    if len(found) != 1:
        return _unparsed(f'one key "answer" was expected, found {len(found)}')
    if not isinstance(found[0], str):
        return _unparsed(f'"answer" was expected to be text, found {_shown(json.dumps(found[0]))}')
    said = found[0].lower()
    matches = [i for i, choice in enumerate(question.choices) if choice.lower() == said]
    if question.answer in matches:
        return Reading(question.answer)
    return Reading(matches[0]) if matches else _no_choice(found[0])


def _substring(text: str, question: Question) -> Reading:
    """The gold text is somewhere in the output, both lowercased.

    So an output that names several choices counts as right where the gold one is among them; that
    is the study's reading. Without it, the one other choice that is named was answered.
    """
    said = text.lower()
    named = [i for i, choice in enumerate(question.choices) if choice and choice.lower() in said]
    if question.answer in named:
        return Reading(question.answer)
    if len({question.choices[i].lower() for i in named}) == 1:
        return Reading(named[0])
    if named:
        return _no_choice(text, "several choices are named in")
    return _no_choice(text, "none is named in")


def _json_or_substring(text: str, question: Question) -> Reading:
    """As `json`; a text that is not such JSON is searched as by `answer-line`."""
    reading = _json(text, question)
    return _substring(text, question) if reading.error.startswith(UNPARSED) else reading


_PARSERS: Mapping[str, Parser] = {
    "answer-line": _substring,
    "best-answer": _best_answer,
    "json": _json,
    "json-or-substring": _json_or_substring,
    "letter": _letter,
}


# --- errors --------------------------------------------------------------------------------


def _unparsed(reason: str) -> Reading:
    return Reading(None, f"{UNPARSED}: {reason}")


def _no_choice(text: str, why: str = "none is") -> Reading:
    return Reading(None, f"{NO_CHOICE}: {why} {_shown(text.strip())}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
