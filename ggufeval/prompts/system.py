"""Conversations that begin with a system turn, which not every chat template has."""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.errors import PromptError, UnsuitableError
from ggufeval.prompts.template import Message, spans
from ggufeval.types import ChatTemplate, Span


def rendered(
    style: str, template: ChatTemplate | None, messages: Sequence[Message]
) -> tuple[Span, ...]:
    """The conversation as spans. Raises UnsuitableError where the model has no template, or that no
    system turn, and PromptError where it fails."""
    if template is None:
        raise UnsuitableError(
            f"the prompt style `{style}` needs a chat template, and the model's file has none",
            "Use --prompt mmlu.",
        )
    try:
        return spans(template, messages)
    except PromptError as error:
        if _works(template, "user") and not _works(template, "system", "user"):
            raise UnsuitableError(
                f"the prompt style `{style}` begins with a system turn, and the model's chat "
                "template has none",
                "Use --prompt chat.",
            ) from error
        raise


def _works(template: ChatTemplate, *roles: str) -> bool:
    try:
        spans(template, [Message(role, f"Words of the {role}.") for role in roles])
    except PromptError:
        return False
    return True
