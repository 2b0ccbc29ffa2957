"""Texts: those of llama-cpp-python's own sampling, whoever generates beside, again and again."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import llama_cpp
import numpy as np
import pytest

from ggufeval import plan, tasks
from ggufeval.errors import ContextError, ModelError
from ggufeval.llama import capi
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.model import Model
from ggufeval.llama.sampler import Candidates, DeadEndError, Sampler, seed_of
from ggufeval.types import EngineSettings, Generation, Plan, Prompt, Question, Sampling, Span, Stop

QUESTIONS = tasks.load("sample", None, limit=16, shots=0).questions[:10]
GREEDY = Sampling(temperature=0.0, max_tokens=24, seed=1, slots=4)
WARM = replace(GREEDY, temperature=0.6)
CHOICE = 'root ::= "The best answer is " [A-D] "."'
JSON = 'root ::= "{\\"answer\\": \\"" [A-D] "\\"}"'
NEAR = 0.25
"""Nats: two tokens closer than this may change places with the composition of a batch."""


def render(questions: tuple[Question, ...], _template: object) -> list[Prompt]:
    """A turn of chat: SmolLM2's own prefix, the question, the choices."""
    before = Span("<|im_start|>user\n", control=True)
    after = Span("<|im_end|>\n<|im_start|>assistant\n", control=True)
    return [
        Prompt(q.id, (before, Span("\n".join(("Answer.", q.stem, *q.choices))), after), ())
        for q in questions
    ]


def settings(the_plan: Plan, sampling: Sampling, **changes: object) -> EngineSettings:
    values: dict[str, object] = {
        "n_ctx": plan.generation_context_size(the_plan, sampling),
        "n_batch": 512,
        "n_ubatch": 128,
        "n_seq_max": plan.generation_sequences(the_plan, sampling),
        "n_threads": 2,
        "n_gpu_layers": 0,
        "flash_attn": "on",
    }
    return EngineSettings(**(values | changes))  # type: ignore[arg-type]


def generate(path, the_plan, sampling, grammars=None, done=(), **changes) -> dict[str, Generation]:
    the_settings = settings(the_plan, sampling, **changes)
    with ModelProcess() as process:
        batches = list(
            process.generate(
                path, the_settings, sampling, grammars or {}, the_plan, done=frozenset(done)
            )
        )
    return {text.question_id: text for batch in batches for text in batch.values}


@pytest.fixture(scope="module")
def path(made) -> Path:
    return made("Q8_0")


@pytest.fixture(scope="module")
def prompts(path):
    with ModelProcess() as process:
        return process.tokenize(path, partial(render, QUESTIONS))


@pytest.fixture(scope="module")
def the_plan(prompts) -> Plan:
    """Batches of seven and three, over four slots."""
    return plan.make([("all", prompt) for prompt in prompts], budget=10_000, max_items=7)


@pytest.fixture(scope="module")
def warm(path, the_plan) -> dict[str, Generation]:
    return generate(path, the_plan, WARM)


# --- the oracle ---


class Oracle:
    """llama-cpp-python's own generation, one prompt at a time."""

    def __init__(self, path: Path) -> None:
        self.model = llama_cpp.Llama(
            str(path),
            n_ctx=1024,
            n_batch=512,
            n_ubatch=512,
            n_threads=2,
            n_threads_batch=2,
            flash_attn=True,
            verbose=False,
        )

    def text(self, tokens: list[int], grammar: str | None) -> str:
        self.model.reset()
        constraint = grammar and llama_cpp.LlamaGrammar.from_string(grammar, verbose=False)
        completion = self.model.create_completion(
            tokens, max_tokens=GREEDY.max_tokens, temperature=0.0, seed=1, grammar=constraint
        )
        return completion["choices"][0]["text"]

    def gap(self, tokens: list[int], text: str, other: str) -> float:
        """Nats between the tokens with which two texts part."""
        mine, theirs = (self.model.tokenize(t.encode(), add_bos=False) for t in (text, other))
        n = next(
            i for i, (a, b) in enumerate(zip([*mine, -1], [*theirs, -1], strict=False)) if a != b
        )
        self.model.reset()
        self.model.eval([*tokens, *mine[:n]])
        pointer = llama_cpp.llama_get_logits_ith(self.model.ctx, -1)
        logits = np.ctypeslib.as_array(pointer, (self.model.n_vocab(),))
        eos = self.model.token_eos()
        return abs(float(logits[[*mine, eos][n]] - logits[[*theirs, eos][n]]))


@pytest.mark.parametrize("grammar", [None, CHOICE, JSON])
def test_texts_are_those_of_greedy_sampling_one_at_a_time(path, prompts, the_plan, grammar):
    grammars = dict.fromkeys((prompt.question_id for prompt in prompts), grammar)
    ours = generate(path, the_plan, GREEDY, grammars)
    oracle = Oracle(path)
    n_equal = 0
    for prompt in prompts:
        tokens, text = list(prompt.tokens), ours[prompt.question_id].text
        expected = oracle.text(tokens, grammar)
        n_equal += text == expected
        if text != expected:
            assert oracle.gap(tokens, text, expected) < NEAR, (text, expected)
    print(f"{n_equal} of {len(prompts)} texts are equal")
    assert n_equal >= len(prompts) // 2
    oracle.model.close()


# --- the same again ---


def test_the_same_run_gives_the_same_texts(path, the_plan, warm):
    assert generate(path, the_plan, WARM) == warm
    assert list(warm) == [question.id for question in QUESTIONS]


def test_the_number_of_threads_changes_no_text(path, the_plan, warm):
    assert generate(path, the_plan, WARM, n_threads=1) == warm


def test_batches_that_are_done_are_left_out_and_change_no_text(path, the_plan, warm):
    rest = generate(path, the_plan, WARM, done=[0])
    assert rest == {text.question_id: text for text in list(warm.values())[7:]}


def test_another_seed_gives_other_texts(path, the_plan, warm):
    other = generate(path, the_plan, replace(WARM, seed=2))
    assert sum(other[name].text != warm[name].text for name in warm) > len(warm) // 2


def test_draws_depend_on_the_seed_and_the_question_alone(path):
    """The same logits, in another order of questions: each draws what it drew."""
    capi.start()
    lots = np.random.default_rng(0)
    with Model(path, vocab_only=True) as model:
        rows = lots.normal(size=(5, model.n_vocab)).astype(np.float32)
        candidates = Candidates(model.n_vocab)

        def draws(names: list[str]) -> dict[str, list[int]]:
            samplers = {
                name: Sampler(model, candidates, temperature=1.0, seed=seed_of(7, name))
                for name in names
            }
            drawn: dict[str, list[int]] = {name: [] for name in names}
            for row in rows:
                for name in names:
                    drawn[name].append(samplers[name].draw(row))
            for sampler in samplers.values():
                sampler.close()
            return drawn

        together = draws(["q1", "q2", "q3"])
        assert draws(["q3", "q1"]) == {name: together[name] for name in ("q3", "q1")}
        assert together["q1"] != together["q2"]


def test_seeds_are_what_they_were():
    """Another seed of the same question would be another study."""
    assert seed_of(0, "mmlu/test/law/1") == 506620801
    assert seed_of(1, "mmlu/test/law/1") != seed_of(0, "mmlu/test/law/1")


def test_a_constrained_draw_has_the_distribution_of_the_admitted_tokens(path):
    """Drawn first, refused, drawn again: as if the others had never been."""
    capi.start()
    with Model(path, vocab_only=True) as model:
        letters = [model.tokenize([Span(letter)])[0] for letter in "ABC"]
        logits = np.full(model.n_vocab, -20.0, np.float32)
        logits[letters] = np.log([0.3, 0.1, 0.6])
        candidates = Candidates(model.n_vocab)
        counts = dict.fromkeys(letters[:2], 0)
        for seed in range(400):
            with Sampler(
                model, candidates, temperature=1.0, seed=seed, grammar="root ::= [AB]"
            ) as sampler:
                counts[sampler.draw(logits)] += 1
    assert 260 < counts[letters[0]] < 340  # 300 expected, 4.6 standard deviations each way


def test_a_grammar_that_nothing_goes_on_from_is_told(path):
    capi.start()
    with Model(path, vocab_only=True) as model:
        logits = np.full(model.n_vocab, -np.inf, np.float32)
        logits[model.tokenize([Span("C")])[0]] = 1.0
        candidates = Candidates(model.n_vocab)
        with (
            Sampler(model, candidates, temperature=0.0, seed=0, grammar="root ::= [AB]") as sampler,
            pytest.raises(DeadEndError),
        ):
            sampler.draw(logits)


def test_random_weights_keep_to_the_grammar(llama3_tiny):
    """Hardly any token that they would like is admitted: nearly each is drawn twice."""
    with ModelProcess() as process:
        tokenized = process.tokenize(llama3_tiny, partial(render, QUESTIONS[:3]))
    the_plan = plan.make([("all", prompt) for prompt in tokenized], budget=4096, max_items=8)
    grammars = dict.fromkeys((question.id for question in QUESTIONS), JSON)
    texts = generate(llama3_tiny, the_plan, replace(WARM, temperature=1.0), grammars)
    for text in texts.values():
        assert re.fullmatch(r'\{"answer": "[A-D]"\}', text.text)
        assert text.stop is Stop.EOG
    assert generate(llama3_tiny, the_plan, replace(WARM, temperature=1.0), grammars) == texts


# --- where a text ends ---


def test_a_text_ends_where_the_model_ends_it_or_at_its_greatest_length(warm):
    stops = {text.stop for text in warm.values()}
    for text in warm.values():
        assert "<|im_end|>" not in text.text
        assert text.n_tokens <= WARM.max_tokens
        assert text.n_tokens == WARM.max_tokens or text.stop is Stop.EOG
    assert Stop.LENGTH in stops


def test_each_question_has_its_own_grammar(path, the_plan):
    first, second, third = (question.id for question in QUESTIONS[:3])
    grammars = {first: CHOICE, second: JSON, third: None}
    texts = generate(path, the_plan, WARM, grammars)
    assert texts[first].text[:-2] == "The best answer is "
    assert texts[second].text.startswith('{"answer": "')
    assert {texts[first].stop, texts[second].stop} == {Stop.EOG}
    assert "The best answer is" not in texts[third].text


def test_less_context_lets_fewer_generate_together(path, the_plan):
    longest = max(len(i.suffix_tokens) for g in the_plan.groups for b in g.batches for i in b.items)
    prefix = max(len(group.prefix_tokens) for group in the_plan.groups)
    n_ctx = prefix + longest + GREEDY.max_tokens + 1
    texts = generate(path, the_plan, replace(GREEDY, max_tokens=4), n_ctx=n_ctx)
    assert len(texts) == len(QUESTIONS)


# --- what cannot be ---


@pytest.mark.parametrize("grammar", ["root ::= [A", 'answer ::= "A"', ""])
def test_a_grammar_that_cannot_be_read_is_named(path, the_plan, grammar):
    with pytest.raises(ModelError, match="cannot parse the grammar") as caught:
        generate(path, the_plan, GREEDY, {QUESTIONS[3].id: grammar})
    assert repr(grammar) in str(caught.value)


def test_a_context_too_small_names_the_question(path, the_plan):
    with pytest.raises(ContextError, match=rf"{QUESTIONS[0].id} needs a context of \d+ tokens"):
        generate(path, the_plan, replace(GREEDY, max_tokens=500), n_ctx=256)
