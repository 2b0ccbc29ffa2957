"""Our fast path against llama-cpp-python's own grammar-constrained greedy sampling.

The oracle evaluates one whole prompt at a time and samples through llama.cpp's samplers. The
engine must give the same letters where its arithmetic is the same (one question a batch, chunks
as the oracle's), and nearly always where questions are batched: another batch composition moves
the logits a little, under quantized weights more, since activations are rounded to 8 bits there.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import llama_cpp
import pytest

from ggufeval import answers, plan, prompts, runner, tasks
from ggufeval.llama import capi
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.model import Model
from ggufeval.llama.worker import Render
from ggufeval.types import LETTERS, EngineSettings, LetterScores, Plan

N_BATCH = 512
QUESTIONS = {
    style: tasks.load("sample", None, sample=n, shots=1)
    for style, n in (("mmlu", 100), ("chat", 50))
}
CASES = [("F16", "mmlu"), ("F16", "chat"), ("Q4_0", "mmlu"), ("Q4_0", "chat")]
BATCHED_AGREEMENT = {"F16": 0.99, "Q4_0": 0.90}
"""Least share of equal letters when questions are batched."""
MOST_FLAGGED = 3
"""Questions where sampling begins with a bare space; SmolLM2 at one shot has one or two."""


def oracle_letters(path: Path, style: str) -> dict[str, str]:
    """Letters by high-level sampling: temperature 0, grammar, one prompt at a time."""
    model = llama_cpp.Llama(
        model_path=str(path),
        n_ctx=2048,
        n_batch=N_BATCH,
        n_ubatch=N_BATCH,
        n_threads=runner.physical_cores(),
        n_threads_batch=runner.physical_cores(),
        flash_attn=True,
        verbose=False,
    )
    form = answers.letter_form(prompts.style(style).answer_prefix, 4)
    grammar = llama_cpp.LlamaGrammar.from_string(form.grammar, verbose=False)
    capi.start()
    with Model(path, vocab_only=True) as vocabulary:
        rendered = render(style)(vocabulary.chat_template)
    letters = {}
    for prompt in rendered:
        model.reset()
        completion = model.create_completion(
            prompt.text, max_tokens=2, temperature=0.0, grammar=grammar
        )
        letters[prompt.question_id] = completion["choices"][0]["text"].strip()
    model.close()
    return letters


def render(style: str) -> Render:
    return partial(prompts.render, style, QUESTIONS[style].questions, QUESTIONS[style].shots)


def our_scores(path: Path, style: str, *, alone: bool) -> dict[str, LetterScores]:
    budget = N_BATCH if alone else 2048
    with ModelProcess() as process:
        tokenized = process.tokenize(path, render(style))
        subjects = (question.subject for question in QUESTIONS[style].questions)
        the_plan: Plan = plan.make(
            list(zip(subjects, tokenized, strict=True)),
            budget=budget,
            max_items=1 if alone else plan.MAX_SEQUENCES,
            share_prefix=not alone,
        )
        settings = EngineSettings(
            n_ctx=2048 if alone else plan.context_size(the_plan),
            n_batch=budget,
            n_ubatch=N_BATCH,
            n_seq_max=plan.sequences(the_plan),
            n_threads=runner.physical_cores(),
            n_gpu_layers=0,
            flash_attn="on",
        )
        form = answers.letter_form(prompts.style(style).answer_prefix, 4)
        batches = process.score(path, settings, [form], the_plan)
        return {scores.question_id: scores for batch in batches for scores in batch.values}


def letter(scores: LetterScores) -> str:
    return LETTERS[max(range(len(scores.logits)), key=lambda i: scores.logits[i])]


def is_flagged(scores: LetterScores) -> bool:
    """Whether the best admissible token is only a part of an answer, so that sampling takes it."""
    return scores.partial_logit > max(scores.logits)


def differences(scores: dict[str, LetterScores], oracle: dict[str, str]) -> list[str]:
    """A line each: the question, both letters, and how far apart their logits are.

    Flagged questions are left out: sampling takes another path there, and we say so.
    """
    lines = []
    for question_id, expected in oracle.items():
        ours = scores[question_id]
        if letter(ours) != expected and not is_flagged(ours):
            gap = max(ours.logits) - ours.logits[LETTERS.index(expected)]
            lines.append(f"{question_id}: ours {letter(ours)}, {expected}, {gap:.4f} nats")
    return lines


@pytest.mark.parametrize(("quantization", "style"), CASES)
def test_letters_are_those_of_grammar_constrained_greedy_sampling(made, quantization, style):
    path = made(quantization)
    oracle = oracle_letters(path, style)
    n = len(QUESTIONS[style].questions)
    assert len(oracle) == n
    assert set(oracle.values()) <= set("ABCD")

    alone = our_scores(path, style, alone=True)
    assert differences(alone, oracle) == []
    assert sum(map(is_flagged, alone.values())) <= MOST_FLAGGED

    batched = differences(our_scores(path, style, alone=False), oracle)
    print(f"{quantization} {style}, batched: {len(batched)} of {n} differ")
    print(*batched, sep="\n")
    assert len(batched) <= max(1, (1 - BATCHED_AGREEMENT[quantization]) * n), batched
