"""How a question becomes a prompt: one file a style, found by its name `STYLE`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache

from ggufeval.errors import PromptError, UnsuitableError, UsageError
from ggufeval.prompts import user_template
from ggufeval.prompts.gbnf import JSON_ANSWER, one_of
from ggufeval.prompts.style import Style
from ggufeval.types import AnswerForm, ChatTemplate, Prompt, Question

__all__ = ["JSON_ANSWER", "letter_style", "render", "style", "styles", "text_form"]


@cache
def styles() -> Mapping[str, Style]:
    """Name -> style, of every module here that defines one."""
    found = [
        getattr(importlib.import_module(f"{__name__}.{module.name}"), "STYLE", None)
        for module in pkgutil.iter_modules(__path__)
    ]
    return {style.name: style for style in found if style is not None}


def style(name: str) -> Style:
    """The style of that name; `template:FILE` is the user's own.

    Raises UsageError, with the nearest name, where there is none such.
    """
    if name.partition(":")[0] == user_template.NAME:
        return user_template.load(name)
    try:
        return styles()[name]
    except KeyError:
        near = difflib.get_close_matches(name, styles(), n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise UsageError(
            f"no prompt style {name!r}. {hint}There are: {', '.join(sorted(styles()))}."
        ) from None


def letter_style(name: str) -> Style:
    """The style of that name. Raises UsageError where its answer is no letter."""
    chosen = style(name)
    if not chosen.by_letter:
        raise UsageError(
            f"--prompt {name}: --read letter needs a style whose answer is a letter; "
            "use --read sample."
        )
    return chosen


def text_form(style: Style, question: Question) -> AnswerForm:
    """The choices' texts as the answers to a question, in the style's own form."""
    return style.form(question) if style.form else one_of(style.answer_prefix, question.choices)


def render(
    name: str,
    questions: Sequence[Question],
    shots: Mapping[str, Sequence[Question]],
    template: ChatTemplate | None,
) -> list[Prompt]:
    """Prompts of all questions, in order.

    Raises UnsuitableError for a style that the model cannot have, else PromptError, naming the
    question.
    """
    chosen = style(name)
    prompts = []
    for question in questions:
        try:
            prompts.append(chosen.render(question, shots.get(question.subject, ()), template))
        except UnsuitableError:
            raise  # of no question in particular
        except PromptError as error:
            raise PromptError(f"{question.id}: {error}") from error
    return prompts
