"""What the engine promises of its arithmetic: the same plan gives the same bits."""

from __future__ import annotations

from array import array
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ggufeval import answers, plan, prompts
from ggufeval.errors import ContextError
from ggufeval.llama import capi
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.decoder import Decoder, letter_rows
from ggufeval.llama.model import Model
from ggufeval.types import Batch, EngineSettings, Item, LetterScores, Plan, QuestionSet

FORM = answers.letter_form(" ", 4)


def make_plan(
    path: Path,
    questions: QuestionSet,
    budget: int = 512,
    max_items: int = 8,
    style: str = "mmlu",
    **options: bool,
) -> Plan:
    render = partial(prompts.render, style, questions.questions, questions.shots)
    with ModelProcess() as process:
        tokenized = process.tokenize(path, render)
    subjects = (question.subject for question in questions.questions)
    pairs = list(zip(subjects, tokenized, strict=True))
    return plan.make(pairs, budget=budget, max_items=max_items, **options)


def settings(the_plan: Plan, **changes: object) -> EngineSettings:
    values: dict[str, object] = {
        "n_ctx": plan.context_size(the_plan),
        "n_batch": 512,
        "n_ubatch": 128,
        "n_seq_max": plan.sequences(the_plan),
        "n_threads": 2,
        "n_gpu_layers": 0,
        "flash_attn": "auto",
    }
    return EngineSettings(**(values | changes))  # type: ignore[arg-type]


def score(path, the_plan, the_settings, done=frozenset()) -> dict[str, LetterScores]:
    with ModelProcess() as process:
        batches = list(process.score(path, the_settings, [FORM], the_plan, frozenset(done)))
    return {scores.question_id: scores for batch in batches for scores in batch.values}


@pytest.fixture(scope="module")
def the_plan(q4_0, few_questions) -> Plan:
    return make_plan(q4_0.parts[0], few_questions)


@pytest.fixture(scope="module")
def scores(q4_0, the_plan) -> dict[str, LetterScores]:
    return score(q4_0.parts[0], the_plan, settings(the_plan))


def test_every_question_is_scored_once(scores, few_questions):
    assert set(scores) == {question.id for question in few_questions.questions}


def test_the_same_plan_gives_the_same_bits(q4_0, the_plan, scores):
    assert score(q4_0.parts[0], the_plan, settings(the_plan)) == scores


def test_the_number_of_threads_changes_no_bit(q4_0, the_plan, scores):
    assert score(q4_0.parts[0], the_plan, settings(the_plan, n_threads=1)) == scores


def test_batches_that_are_done_are_left_out_and_change_no_bit(q4_0, the_plan, scores):
    done = set(range(0, the_plan.n_batches, 2))
    rest = score(q4_0.parts[0], the_plan, settings(the_plan), done)
    assert 0 < len(rest) < len(scores)
    assert rest == {question_id: scores[question_id] for question_id in rest}


def test_another_quantization_has_the_identical_plan(f16, few_questions, the_plan):
    assert plan.plan_hash(make_plan(f16.parts[0], few_questions)) == plan.plan_hash(the_plan)


def test_a_single_row_is_padded(q4_0, the_plan):
    """Prefixes and batches of one row more than a whole ubatch: threads must not matter."""
    group = the_plan.groups[0]
    item = group.batches[0].items[0]
    n_ubatch = len(group.prefix_tokens) - 1
    assert n_ubatch > 1
    alone = plan.Batch((item.__class__(item.question_id, item.suffix_tokens[-1:], 4),))
    lonely = Plan((plan.Group(group.prefix_tokens + item.suffix_tokens[:-1], (alone,)),))
    results = [
        score(
            q4_0.parts[0],
            lonely,
            settings(lonely, n_ubatch=n_ubatch, n_batch=n_ubatch, n_seq_max=3, n_threads=threads),
        )
        for threads in (1, 2)
    ]
    assert results[0] == results[1]


def test_a_question_that_was_read_leaves_its_cells_to_the_next(q4_0, the_plan):
    """Eight questions of 100 tokens through 512 cells, which would fail were they all kept."""
    batch = Batch(tuple(Item(f"q{i}", array("i", [100 + i] * 100), 4) for i in range(8)))
    capi.start()
    chosen = settings(Plan((plan.Group(array("i"), (batch,)),)), n_ctx=512)
    with Model(q4_0.parts[0]) as model, Decoder(model, chosen) as decoder:
        for sequence, _ in enumerate(decoder.decode(list(letter_rows(batch, 0))), start=1):
            decoder.remove(sequence)
        assert sequence == 8


def test_probabilities_are_those_of_the_whole_vocabulary(scores):
    for result in scores.values():
        assert 0 < result.mass <= 1
        assert result.top_logit >= max(result.logits)
        assert result.logsumexp >= result.top_logit


def test_a_context_too_small_is_an_error_of_its_own(q4_0, the_plan):
    with pytest.raises(ContextError, match="needs a context of"):
        score(q4_0.parts[0], the_plan, settings(the_plan, n_ctx=64))


def test_a_prefix_that_comes_again_is_decoded_once_and_gives_the_same_bits(q4_0, few_questions):
    path = q4_0.parts[0]
    subject = few_questions.questions[0].subject
    law = [q for q in few_questions.questions if q.subject == subject]
    art = [q for q in few_questions.questions if q.subject != subject][:2]
    order = [law[0], *art, law[1]]
    render = partial(prompts.render, "mmlu", order, few_questions.shots)
    with ModelProcess() as process:
        tokenized = process.tokenize(path, render)
    pairs = list(zip((q.subject for q in order), tokenized, strict=True))
    rounds = plan.make(pairs, budget=512, rounds=(3, 1))
    both = plan.make([pairs[0], pairs[3]], budget=512, max_items=1)
    assert rounds.groups[2].prefix_tokens == rounds.groups[0].prefix_tokens
    with ModelProcess() as process:
        batches = list(process.score(path, settings(rounds), [FORM], rounds))
    assert batches[-1].n_tokens == rounds.groups[2].batches[0].n_tokens
    # The prefix as decoded, with nothing in between: another context, but the same batches.
    apart = score(path, both, settings(both, n_ctx=settings(rounds).n_ctx))
    assert {s.question_id: s for b in (batches[0], batches[-1]) for s in b.values} == apart


def test_a_stream_stands_still_at_a_stop_and_can_be_left_there(q4_0, few_questions):
    path = q4_0.parts[0]
    whole = make_plan(path, few_questions)
    stops = (1, whole.n_batches)
    halting = Plan(whole.groups, stops)
    with ModelProcess() as process:
        stream = process.score(path, settings(halting), [FORM], halting)
        first = next(stream)
        assert process.peak_rss() > 0  # the worker answers, since it waits
        again = list(process.score(path, settings(halting), [FORM], halting))
    assert again[0].values == first.values
    assert [batch.position for batch in again] == list(range(whole.n_batches))


def test_what_all_prefixes_begin_with_is_decoded_once(q4_0, few_questions):
    """The system turn, which every subject's prompts have."""
    path = q4_0.parts[0]
    whole = make_plan(path, few_questions, style="chat")
    assert whole.n_common >= plan.LEAST_SHARED
    assert len(whole.groups) > 2
    with ModelProcess() as process:
        batches = list(process.score(path, settings(whole), [FORM], whole))
    assert sum(batch.n_tokens for batch in batches) == whole.n_tokens
    # Begun at any subject it is decoded there, and no bit of what follows is another one.
    later = range(len(whole.groups[0].batches), whole.n_batches)
    alone = score(path, whole, settings(whole), set(range(whole.n_batches)) - set(later))
    assert alone == {s.question_id: s for i in later for s in batches[i].values}


# --- questions on one text -------------------------------------------------------------------

TEXT = (
    "This question refers to the following report. The ferry left the harbour at nine with forty "
    "passengers. Half an hour later the wind rose, and the captain turned back towards the town. "
    "Nobody was hurt, but three bicycles fell into the water near the lighthouse. "
)
ASKED = (
    "How many passengers were on board?",
    "How many bicycles were lost?",
    "Who turned back towards the town?",
)


@pytest.fixture(scope="module")
def on_one_text(few_questions) -> QuestionSet:
    first, *others = few_questions.questions[:4]
    same = [
        replace(first, id=f"ferry/{i}", stem=TEXT + asked, choices=("forty", "three", "he", "no"))
        for i, asked in enumerate(ASKED)
    ]
    return replace(few_questions, questions=(first, *same, *others))


def test_rows_of_what_questions_share_belong_to_all_of_them():
    def item(name, n_shared, *tokens):
        return Item(name, array("i", tokens), 4, n_shared=n_shared)

    batch = Batch((item("a", 0, 5, 6, 7, 8), item("b", 3, 5, 6, 7, 9), item("c", 1, 5, 4)))
    assert list(letter_rows(batch, 10)) == [
        (5, 10, (1, 2, 3), False),
        (6, 11, (1, 2), False),
        (7, 12, (1, 2), False),
        (8, 13, (1,), True),
        (9, 13, (2,), True),
        (4, 11, (3,), True),
    ]


def test_a_shared_text_leaves_the_letters_as_they_are(f16, on_one_text):
    path = f16.parts[0]
    apart = make_plan(path, on_one_text, budget=2048)
    together = make_plan(path, on_one_text, budget=2048, share_stems=True)
    shared = [i.n_shared for g in together.groups for b in g.batches for i in b.items]
    assert sum(n > 40 for n in shared) == 2
    assert together.n_tokens == apart.n_tokens - sum(shared)
    alone = make_plan(path, on_one_text, max_items=1)
    expected = score(path, alone, settings(alone))
    found = score(path, together, settings(together))
    for name, scores in found.items():
        assert scores.logits == pytest.approx(expected[name].logits, abs=0.05), name
    assert score(path, together, settings(together, n_threads=1)) == found
