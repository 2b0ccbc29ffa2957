"""Meta's whole prompt as the content of one system turn: how the original study sent it at last.

The study handed the text to a chat pipeline, which put it into the system turn of LLaMA 3.2's chat
template and tokenized all of it with control tokens parsed. So there is a conversation inside the
system turn; the model answers after a second header, and says `The best answer is` itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.prompts.meta import TOKENS, raw
from ggufeval.prompts.style import Style, answers
from ggufeval.prompts.system import rendered
from ggufeval.prompts.template import Message
from ggufeval.types import ChatTemplate, Prompt, Question, RequiredTokens

_NAME = "meta-system"
_PREFIX = ""
"""After the header's line breaks the letter is bare."""
_REQUIRED = RequiredTokens(_NAME, TOKENS, instead="chat")


def render(question: Question, shots: Sequence[Question], template: ChatTemplate | None) -> Prompt:
    parts = raw(question, shots)
    message = Message("system", "".join(part.text for part in parts), parts)
    return Prompt(
        question.id,
        rendered(_NAME, template, [message]),
        answers(question, _PREFIX),
        _REQUIRED,
    )


STYLE = Style(
    _NAME,
    "Meta's whole prompt inside one system turn (Llama 3; rung 7)",
    _PREFIX,
    render,
    parser="best-answer",
)
