"""What a model file, its chat template or a grammar may take: they are somebody else's."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ggufeval import bounded
from ggufeval.errors import PromptError
from ggufeval.types import ChatTemplate, Prompt

Render = Callable[[ChatTemplate | None], list[Prompt]]
HEADER_SECONDS = 120.0
"""For what is in a file's header, on a slow disk too. Weights have no limit: they show progress."""
GRAMMAR_SECONDS = 20.0
"""For llama.cpp to read a grammar, or to take one token by it; our own take milliseconds."""
GRAMMAR_BYTES = 2 << 30
GRAMMAR_DEPTH, GRAMMAR_RULES = 200, 10_000
"""Brackets within brackets, and rules, of which brackets and repetitions make more: llama.cpp calls
itself for each of a chain. A stack of 8 MB holds 10,000 of the ones, 50,000 of the others."""
CORPUS_BYTES = 1 << 30
"""Of the text that an importance matrix is computed over."""
TEMPLATE_BYTES = 2 << 30
"""What rendering all prompts may take; all of MMLU's take a tenth of it."""
_LONGEST = 8_000_000
"""Characters of a prompt. No context holds as many, and tokenizing takes 30 bytes for each."""


def prompts(render: Render, template: ChatTemplate | None) -> list[Prompt]:
    """Raises PromptError where a template, which is somebody else's program, wants too much."""
    try:
        with bounded.memory(TEMPLATE_BYTES):
            rendered = render(template)
    except MemoryError:
        raise PromptError(
            f"the prompts take more than {TEMPLATE_BYTES >> 30} GiB of memory. Ask fewer "
            "questions, with --limit or fewer --shots, or use --prompt mmlu."
        ) from None
    for prompt in rendered:
        if (length := sum(len(span.text) for span in prompt.spans)) > _LONGEST:
            raise PromptError(
                f"the prompt of {prompt.question_id} has {length:,} characters; at most "
                f"{_LONGEST:,} were expected. Use another --prompt, or fewer --shots."
            )
    return rendered


@contextmanager
def patience() -> Iterator[None]:
    """End this process, by a signal, where llama.cpp takes longer than GRAMMAR_SECONDS over a
    grammar: nothing else gets it back from C++. Windows has no such signal, and waits."""
    if sys.platform == "win32":
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, GRAMMAR_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
