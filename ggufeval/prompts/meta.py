"""Meta's own MMLU prompt for Llama 3.1 and 3.2 Instruct: the raw text, with its header tokens.

Source: `input_final_prompts` of the data set meta-llama/Llama-3.2-1B-Instruct-evals. No chat
template is asked: there is no system turn and no date, which Llama 3.2's template would add.
"""

from __future__ import annotations

from collections.abc import Sequence

from ggufeval.prompts.instruction import ANSWER_PREFIX, BEGUN, conversation
from ggufeval.prompts.style import Style, answers
from ggufeval.types import ChatTemplate, Prompt, Question, RequiredTokens, Span

_NAME = "meta"
_START, _END, _EOT = "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"
TOKENS = (_START, _END, _EOT)
_REQUIRED = RequiredTokens(_NAME, TOKENS, instead="chat")
"""To the vocabulary of another family they would be plain text."""


def _header(role: str) -> Span:
    return Span(f"{_START}{role}{_END}\n\n", control=True)


def raw(question: Question, shots: Sequence[Question]) -> tuple[Span, ...]:
    """The whole text; its headers are control, what is said in it is text."""
    spans = []
    for message in conversation(question, shots):
        spans += [_header(message.role), Span(message.content), Span(_EOT, control=True)]
    return (*spans, _header("assistant"), Span(BEGUN))


def render(question: Question, shots: Sequence[Question], _template: ChatTemplate | None) -> Prompt:
    return Prompt(question.id, raw(question, shots), answers(question, ANSWER_PREFIX), _REQUIRED)


STYLE = Style(
    _NAME,
    "Meta's own prompt for Llama 3: raw text with its header tokens",
    ANSWER_PREFIX,
    render,
    parser="best-answer",
    begun=BEGUN,
)
