"""Likelihoods of texts: those of whole prompts evaluated one at a time, however they are shared."""

from __future__ import annotations

from array import array
from functools import partial

import llama_cpp
import numpy as np
import pytest

from ggufeval import plan, tasks
from ggufeval.errors import ContextError, PromptError
from ggufeval.llama import capi, cloze
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.model import Model
from ggufeval.types import ClozeScores, EngineSettings, Plan, Prompt, Question, Span

QUESTIONS = tasks.load("sample", None, limit=16, shots=0).questions[:6]
NOISE = 0.05
"""Nats a token that the composition of a batch may move, under F16 weights."""


def render(questions: tuple[Question, ...], _template: object) -> list[Prompt]:
    return [
        Prompt(
            q.id,
            (Span(f"Question: {q.stem}\nAnswer:"),),
            tuple(" " + choice.strip() for choice in q.choices),
        )
        for q in questions
    ]


def settings(the_plan: Plan, **changes: object) -> EngineSettings:
    values: dict[str, object] = {
        "n_ctx": plan.context_size(the_plan),
        "n_batch": 512,
        "n_ubatch": 128,
        "n_seq_max": plan.sequences(the_plan),
        "n_threads": 2,
        "n_gpu_layers": 0,
        "flash_attn": "on",
    }
    return EngineSettings(**(values | changes))  # type: ignore[arg-type]


def score(path, the_plan, done=(), **changes) -> dict[str, ClozeScores]:
    with ModelProcess() as process:
        the_settings = settings(the_plan, **changes)
        batches = list(process.cloze(path, the_settings, the_plan, frozenset(done)))
    return {scores.question_id: scores for batch in batches for scores in batch.values}


@pytest.fixture(scope="module")
def path(f16):
    return f16.parts[0]


@pytest.fixture(scope="module")
def the_plan(path) -> Plan:
    with ModelProcess() as process:
        tokenized = process.tokenize(path, partial(render, QUESTIONS), cloze=True)
    return plan.make([("all", prompt) for prompt in tokenized], budget=512, max_items=16)


@pytest.fixture(scope="module")
def scores(path, the_plan) -> dict[str, ClozeScores]:
    return score(path, the_plan)


def test_likelihoods_are_those_of_whole_texts_one_at_a_time(path, scores):
    oracle = llama_cpp.Llama(
        str(path), n_ctx=512, n_threads=2, flash_attn=True, logits_all=True, verbose=False
    )
    worst = 0.0
    for prompt in render(QUESTIONS, None):
        before = oracle.tokenize(prompt.text.encode(), add_bos=False)
        for answer, ours in zip(prompt.answers, scores[prompt.question_id].logprobs, strict=True):
            tokens = oracle.tokenize((prompt.text + answer).encode(), add_bos=False)
            assert tokens[: len(before)] == before
            oracle.reset()
            oracle.eval(tokens)
            logits = oracle.scores[len(before) - 1 : len(tokens) - 1].astype(np.float64)
            logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
            text = tokens[len(before) :]
            expected = logits[range(len(text)), text].sum()
            worst = max(worst, abs(ours - expected) / len(text))
    print(f"at most {worst:.4f} nats a token")
    assert worst < NOISE
    oracle.close()


def test_every_choice_has_a_likelihood(scores):
    assert list(scores) == [question.id for question in QUESTIONS]
    for question in QUESTIONS:
        ours = scores[question.id]
        assert len(ours.logprobs) == len(question.choices)
        assert all(logprob < 0 for logprob in ours.logprobs)


def test_the_same_plan_gives_the_same_bits(path, the_plan, scores):
    assert score(path, the_plan, n_threads=1) == scores


def test_batches_that_are_done_are_left_out_and_change_no_bit(path, the_plan, scores):
    assert the_plan.n_batches > 1
    rest = score(path, the_plan, done=[0])
    assert 0 < len(rest) < len(scores)
    assert rest == {name: scores[name] for name in rest}


def test_a_context_too_small_names_a_question(path, the_plan):
    with pytest.raises(ContextError, match=f"a batch with {QUESTIONS[0].id} needs a context of"):
        score(path, the_plan, n_ctx=64)


# --- where prompt and text meet ---


class Letters:
    """A vocabulary of single letters, in which `th` is one token."""

    path = "letters.gguf"

    def check_required(self, prompts):
        pass

    def tokenize(self, spans):
        text = "".join(span.text for span in spans).replace("th", "T")
        return array("i", map(ord, text))


def tokenized(text, *answers):
    prompt = Prompt("q", (Span(text),), answers)
    (result,) = cloze.tokenize_prompts(Letters(), [prompt])
    return result


def text_of(tokens):
    return "".join(map(chr, tokens))


def test_the_rest_of_the_whole_is_the_text():
    result = tokenized("a", "bc", "d")
    assert text_of(result.tokens) == "a"
    assert [(text_of(c.tokens), c.n_scored) for c in result.continuations] == [
        ("bc", 2),
        ("d", 1),
    ]
    assert result.n_tokens == 1 + 1 + 0


def test_a_token_over_the_border_is_the_texts():
    result = tokenized("at", "hx", "x")
    assert text_of(result.tokens) == "a"
    assert [(text_of(c.tokens), c.n_scored) for c in result.continuations] == [
        ("Tx", 2),
        ("tx", 1),  # its own `t` belongs to the prompt, and is not scored
    ]


def test_a_text_without_tokens_is_refused():
    with pytest.raises(PromptError, match="'' adds no token to the prompt of q"):
        tokenized("a", "b", "")


def test_a_text_after_nothing_is_refused():
    with pytest.raises(PromptError, match="no token stands before the answers of q"):
        tokenized("", "b", "c")


def test_a_border_inside_a_token_is_scored_as_it_should_be(path):
    """Two texts of which one merges with the prompt: the other is as if it had been alone."""
    prompt = Prompt("q", (Span("The capital of France is"),), (" Paris", "n't", "land"))
    capi.start()
    with Model(path) as model:
        together, alone = (
            cloze.tokenize_prompts(model, [Prompt("q", prompt.spans, answers)])[0]
            for answers in (prompt.answers, prompt.answers[:1])
        )
        results = []
        for one in (together, alone):
            the_plan = plan.make([("all", one)], budget=512, max_items=16)
            (group,) = the_plan.groups
            with cloze.ClozeScorer(model, settings(the_plan)) as scorer:
                results += scorer.score(group.prefix_tokens, group.batches[0])
    assert len(together.tokens) < len(alone.tokens)
    assert results[0].logprobs[0] == pytest.approx(results[1].logprobs[0], abs=NOISE)
