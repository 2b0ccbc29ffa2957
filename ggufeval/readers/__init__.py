"""How an answer is read: one file a way, `--read`."""

from __future__ import annotations

import math

from ggufeval import prompts
from ggufeval.errors import UsageError
from ggufeval.readers.cloze import ClozeReader
from ggufeval.readers.letter import LetterReader
from ggufeval.readers.reader import Answered, Reader, Work
from ggufeval.readers.sample import LETTER, NONE, SampleReader, grammar_of
from ggufeval.types import Sampling

__all__ = ["Answered", "Reader", "Work", "make"]

_READERS: dict[str, type[Reader]] = {
    reader.name: reader for reader in (LetterReader, SampleReader, ClozeReader)
}


def make(
    name: str,
    prompt: str | None,
    *,
    grammar: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    seed: int = 0,
) -> Reader:
    """The reader of that name under a prompt style; None: what suits the reader.

    Raises UsageError for an unknown reader, style or grammar, and for what does not go together.
    """
    if name not in _READERS:
        raise UsageError(f"--read {name}: one of {', '.join(_READERS)} was expected.")
    kind = _READERS[name]
    prompt = prompt or kind.default_prompt
    if kind is SampleReader:
        prompts.style(prompt)
        grammar = grammar or NONE
        temperature = temperature or 0.0
        if not 0 <= temperature < math.inf:
            raise UsageError(
                f"--temperature {temperature}: a number from 0 upwards was expected, as in 0.6."
            )
        sampling = Sampling(temperature, max_tokens or 256, seed if temperature else 0)
        return SampleReader(prompt, sampling, grammar, grammar_of(grammar))
    implied = {None, LETTER} if kind is LetterReader else {None}
    if temperature is not None or max_tokens is not None or grammar not in implied:
        raise UsageError(
            f"--read {name} writes no text: --grammar, --temperature and --max-tokens are for "
            "--read sample."
        )
    if kind is LetterReader:
        prompts.letter_style(prompt)
    elif prompts.style(prompt).is_framed:
        raise UsageError(
            f"--prompt {prompt}: its answer has words around the choice's text, whose likelihood "
            "--read cloze would count too; use --prompt continuation, or --read sample."
        )
    return kind(prompt)
