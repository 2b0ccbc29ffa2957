"""The prompt that a question brings along: a row of Meta's evals data set, word for word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ggufeval.errors import PromptError
from ggufeval.prompts.instruction import ANSWER_PREFIX, BEGUN
from ggufeval.prompts.meta import TOKENS
from ggufeval.prompts.style import Style, answers, choice_lines
from ggufeval.types import ChatTemplate, Prompt, Question, RequiredTokens, Span

_NAME = "meta-rows"
_REQUIRED = RequiredTokens(_NAME, TOKENS, instead="chat")
_BOS = "<|begin_of_text|>"
_START, _END, _ = map(re.escape, TOKENS)
_CONTROL = re.compile(
    # A header as a whole, as `meta` has it; else whichever token stands there.
    rf"({_START}\w+{_END}\n\n|{'|'.join(map(re.escape, TOKENS))})"
)


def render(question: Question, _: Sequence[Question], _template: ChatTemplate | None) -> Prompt:
    """Raises PromptError where the question brings no prompt of Meta's."""
    if not question.prompt:
        raise PromptError(
            f"--prompt {_NAME} needs rows with their own prompts: --data FILE with Meta's rows."
        )
    if not question.prompt.endswith(BEGUN):
        raise PromptError(
            f"the row's prompt was expected to end in {BEGUN!r}, and ends in "
            f"{question.prompt[-len(BEGUN) :]!r}. Take the rows of the config ...__mmlu__details."
        )
    # The tokenizer adds BOS, once: one that is said here would be the second.
    text = question.prompt.removeprefix(_BOS)
    spans = tuple(_merged(_spans(question, text)))
    return Prompt(question.id, spans, answers(question, ANSWER_PREFIX), _REQUIRED)


def _spans(question: Question, text: str) -> Iterator[Span]:
    """The question's own words are text, whatever they say; elsewhere header tokens are control.

    Raises PromptError for a question that says such a token's text, and is not where it should be.
    """
    own = f"{question.stem}\n{choice_lines(question)}"
    before, found, after = text.rpartition(own)
    if not found and _CONTROL.search(own):
        raise PromptError(
            f"the question says {_CONTROL.findall(own)[0]!r}, and the row's prompt was expected to "
            "hold the question and its lettered choices word for word. Leave out the row."
        )
    yield from _marked(before)
    yield Span(found)
    yield from _marked(after)


def _marked(text: str) -> Iterator[Span]:
    # Where a pattern has a group, every second part is what it matched.
    for i, part in enumerate(_CONTROL.split(text)):
        yield Span(part, control=i % 2 == 1)


def _merged(spans: Iterator[Span]) -> Iterator[Span]:
    """Neighbours of text as one, and none that is empty."""
    said = ""
    for span in spans:
        if not span.control:
            said += span.text
            continue
        if said:
            yield Span(said)
        said = ""
        yield span
    yield Span(said)


STYLE = Style(
    _NAME,
    "The prompts of Meta's own rows, word for word (Llama 3; --data)",
    ANSWER_PREFIX,
    render,
    parser="best-answer",
    begun=BEGUN,
    takes_shots=False,
)
