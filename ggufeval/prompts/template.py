"""A model's chat template, rendered in Jinja's sandbox with the users' text tracked through it.

The template comes with the model's file: it is somebody else's program. It runs in the model's
process (which has a time limit), sees no clock and no files, and whatever part of its output is
message content is marked as text, so that a question can never become a control token.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ggufeval.errors import PromptError
from ggufeval.types import ChatTemplate, Span

_TODAY = datetime(2024, 7, 26)  # noqa: DTZ001 - the date that Llama 3.2's template falls back on
OPEN, CLOSE = "\ufdd0", "\ufdd1"
"""Unicode noncharacters, which no text may contain: they stand around message content."""
_MESSAGE = 300
"""Characters of what a template says of itself; it could say gigabytes."""


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    content: str
    parts: tuple[Span, ...] = ()
    """The content as spans, where not all of it is text."""


def spans(
    template: ChatTemplate, messages: Sequence[Message], *, begun: str = ""
) -> tuple[Span, ...]:
    """The conversation as spans, ending in the assistant's turn with its first words `begun`.

    Raises PromptError where the template fails, reaches outside its sandbox, or does not give
    every message once, in order and word for word.
    """
    if not all(is_markable(m.content) for m in messages):
        raise PromptError(
            "the text holds U+FDD0 or U+FDD1, noncharacters that no text may contain. "
            "Remove them, or use --prompt mmlu."
        )
    plain = _render(template, [(m.role, m.content) for m in messages])
    marked = _render(template, [(m.role, mark(m.content)) for m in messages])
    pieces = split(marked)
    words = [piece.text for piece in pieces if not piece.control]
    bodies = [body for m in messages if (body := m.content.strip())]
    if words != bodies or "".join(piece.text for piece in pieces) != plain:
        raise PromptError(
            "the model's chat template does not keep every message whole and in its place. "
            "Use --prompt mmlu."
        )
    whole = iter([m for m in messages if m.content.strip()])
    result = []
    for piece in pieces:
        result += [piece] if piece.control else _within(next(whole))
    return (*result, Span(begun)) if begun else tuple(result)


def _within(message: Message) -> list[Span]:
    """The message's spans without the white space around it."""
    if not message.parts:
        return [Span(message.content.strip())]
    first, *rest = message.parts
    parts = [replace(first, text=first.text.lstrip()), *rest]
    parts[-1] = replace(parts[-1], text=parts[-1].text.rstrip())
    return parts


def is_markable(text: str) -> bool:
    """Whether the text is without the two noncharacters that stand around text."""
    return not (OPEN in text or CLOSE in text)


def mark(content: str) -> str:
    """Marks inside the surrounding white space, which templates may trim."""
    body = content.strip()
    if not body:
        return content
    start = content.index(body)
    return f"{content[:start]}{OPEN}{body}{CLOSE}{content[start + len(body) :]}"


def split(marked: str) -> list[Span]:
    """What stands between marks as text, the rest as control."""
    result = []
    for part in marked.split(OPEN):
        text, found, rest = part.partition(CLOSE)
        if found:
            result += [Span(text), Span(rest, control=True)]
        else:
            result.append(Span(text, control=True))
    return [span for span in result if span.text]


def _render(template: ChatTemplate, messages: Sequence[tuple[str, str]]) -> str:
    try:
        return _compiled(template.source).render(
            messages=[{"role": role, "content": content} for role, content in messages],
            bos_token=template.bos_token,
            eos_token=template.eos_token,
            add_generation_prompt=True,
            date_string=_TODAY.strftime("%d %b %Y"),
            strftime_now=_TODAY.strftime,
            raise_exception=_refuse,
            tools=None,
        )
    except PromptError:
        raise
    except Exception as error:
        # A template can raise whatever Python can.
        raise PromptError(
            f"the model's chat template fails ({reason(error)}). Use --prompt mmlu."
        ) from error


def reason(error: Exception) -> str:
    """What went wrong in a template, whose words it may be."""
    if isinstance(error, MemoryError):
        return "it takes more memory than it may have"
    return shortened(f"{type(error).__name__}: {error}")


def shortened(message: object) -> str:
    """A template's message, as far as anybody reads it."""
    text = message if isinstance(message, str) else reprlib.repr(message)
    return text if len(text) <= _MESSAGE else f"{text[:_MESSAGE]}..."


def _refuse(message: object) -> NoReturn:
    raise PromptError(
        f"the model's chat template refuses the conversation ({shortened(message)}). "
        "Use --prompt mmlu."
    )


def environment() -> ImmutableSandboxedEnvironment:
    """Jinja's sandbox, set as transformers sets it. It has no loader, and so reads no file."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    made.filters["tojson"] = _tojson
    return made


@lru_cache(maxsize=4)
def _compiled(source: str) -> jinja2.Template:
    try:
        return environment().from_string(source)
    except jinja2.TemplateError as error:
        raise PromptError(
            f"the model's chat template is not valid Jinja ({shortened(str(error))}). "
            "Use --prompt mmlu."
        ) from error


def _tojson(value: Any, indent: int | None = None, **_: Any) -> str:  # noqa: ANN401
    return json.dumps(value, ensure_ascii=False, indent=indent)
