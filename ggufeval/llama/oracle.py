"""llama-cpp-python's own way to an answer, to hold ours against: its `Llama` reads one whole prompt
at a time and samples greedily through llama.cpp's samplers under the grammar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp
from llama_cpp.llama_grammar import LlamaGrammar

from ggufeval.types import EngineSettings, TokenizedPrompt


def letters(
    path: Path, settings: EngineSettings, grammar: str, prompts: Sequence[TokenizedPrompt]
) -> dict[str, str]:
    """Question id -> the letter that it answers, without the space before it. Flash attention is
    on or off: `Llama` knows no third."""
    model = llama_cpp.Llama(
        model_path=str(path),
        n_ctx=settings.n_ctx,
        n_batch=settings.n_batch,
        n_ubatch=settings.n_ubatch,
        n_threads=settings.n_threads,
        n_threads_batch=settings.n_threads,
        n_gpu_layers=settings.n_gpu_layers,
        flash_attn=settings.flash_attn == "on",
        swa_full=settings.swa_full,
        verbose=False,
    )
    parsed = LlamaGrammar.from_string(grammar, verbose=False)
    found = {}
    for prompt in prompts:
        model.reset()  # type: ignore[no-untyped-call]
        completion: Any = model.create_completion(
            list(prompt.tokens), max_tokens=2, temperature=0.0, grammar=parsed
        )
        found[prompt.question_id] = completion["choices"][0]["text"].strip()
    model.close()
    return found
