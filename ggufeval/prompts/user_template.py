"""A prompt of the user's own: `--prompt template:FILE.jinja`.

The file is Jinja and gets `question`, `choices`, `subject` and `shots`; what it writes itself may
hold control tokens, what it is given stays text. It runs in the sandbox of `template.py`, in the
model's process and under its time limit; here, where there is none, it is only read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NoReturn

import jinja2

from ggufeval import bounded
from ggufeval.errors import PromptError, UsageError
from ggufeval.prompts.style import Style, answers, letters
from ggufeval.prompts.template import CLOSE, OPEN, environment, is_markable, mark, reason, split
from ggufeval.types import ChatTemplate, Prompt, Question

NAME = "template"
_DESCRIPTION = "Your own Jinja file: --prompt template:FILE.jinja"
_PAIRED = re.compile(f"[^{OPEN}{CLOSE}]*(?:{OPEN}[^{OPEN}{CLOSE}]+{CLOSE}[^{OPEN}{CLOSE}]*)*")


@dataclass(frozen=True, slots=True)
class _Source:
    path: str
    text: str

    @property
    def prefix(self) -> str:
        """A file that ends in a space or an empty line leaves the letter bare."""
        last = self.text.removesuffix("\n")[-1:]
        return "" if last.isspace() else " "


def load(name: str) -> Style:
    """The style that `template:FILE.jinja` names. Raises UsageError where there is no such file."""
    path = name.partition(":")[2]
    if not path:
        raise UsageError("--prompt template: a file was expected, as in template:FILE.jinja.")
    try:
        text = bounded.text(Path(path))
    except OSError as error:
        raise UsageError(f"--prompt {name}: {path}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--prompt {name}: {path} was expected to be UTF-8 text.") from error
    source = _Source(path, text)
    return Style(name, _DESCRIPTION, source.prefix, partial(_render, source))


def _render(
    source: _Source,
    question: Question,
    shots: Sequence[Question],
    template: ChatTemplate | None,
) -> Prompt:
    texts = [text for q in (question, *shots) for text in (q.stem, q.subject, *q.choices)]
    if not all(map(is_markable, texts)):
        raise PromptError(
            "the text holds U+FDD0 or U+FDD1, noncharacters that no text may contain. Remove them."
        )
    plain = _written(source, question, shots, template, lambda text: text)
    marked = _written(source, question, shots, template, mark)
    spans = split(marked)
    if "".join(span.text for span in spans) != plain or not _PAIRED.fullmatch(marked):
        raise PromptError(
            f"{source.path} changes the question's words. It may write `question`, `subject`, "
            "`choices` and what is in `shots` whole, trimmed or in other letters, nothing else."
        )
    if not plain or plain[-1].isspace() == bool(source.prefix):
        wanted = "without white space" if source.prefix else "with white space"
        raise PromptError(
            f"{source.path} was expected to end {wanted}, as its last line does, since that "
            "decides whether the answer is ` A` or `A`."
        )
    return Prompt(question.id, tuple(spans), answers(question, source.prefix))


def _written(
    source: _Source,
    question: Question,
    shots: Sequence[Question],
    template: ChatTemplate | None,
    text: Callable[[str], str],
) -> str:
    try:
        return _compiled(source.text).render(
            **_values(question, text),
            shots=[
                _values(shot, text)
                | {"answer": letters(shot)[shot.answer], "text": text(shot.choices[shot.answer])}
                for shot in shots
            ],
            letters=list(letters(question)),
            bos_token=template.bos_token if template else "",
            eos_token=template.eos_token if template else "",
            raise_exception=_refuse,
        )
    except Exception as error:
        # A template can raise whatever Python can.
        raise PromptError(f"{source.path} fails ({reason(error)}).") from error


def _values(question: Question, text: Callable[[str], str]) -> dict[str, Any]:
    return {
        "question": text(question.stem),
        "choices": [text(choice) for choice in question.choices],
        "subject": text(question.subject.replace("_", " ")),
    }


def _refuse(message: str) -> NoReturn:
    raise PromptError(message)


@lru_cache(maxsize=4)
def _compiled(source: str) -> jinja2.Template:
    made = environment()
    made.undefined = jinja2.StrictUndefined
    return made.from_string(source)


def _nameless(_question: Question, _shots: Sequence[Question], _: ChatTemplate | None) -> Prompt:
    raise PromptError("--prompt template: a file was expected, as in template:FILE.jinja.")


STYLE = Style(NAME, _DESCRIPTION, " ", _nameless)
"""What lists show; a file makes it a style."""
