"""Prompts to batches: nothing lost, nothing reordered, and a hash that notices every change."""

from array import array
from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggufeval import plan
from ggufeval.errors import ContextError
from ggufeval.types import Batch, Continuation, Group, Item, Plan, Sampling, TokenizedPrompt


def tokens(*ids):
    return array("i", ids)


def prompts(*sequences, group="law"):
    """Prompts q0, q1, ... of one group."""
    return [
        (group, TokenizedPrompt(f"q{i}", array("i", ids), 4)) for i, ids in enumerate(sequences)
    ]


def make(pairs, *, budget=512, max_items=128, **options):
    return plan.make(pairs, budget=budget, max_items=max_items, **options)


def names(the_plan):
    """Question ids, a list a batch."""
    return [[i.question_id for i in batch.items] for g in the_plan.groups for batch in g.batches]


def prefixes(the_plan):
    return [list(group.prefix_tokens) for group in the_plan.groups]


def suffixes(the_plan):
    return [
        list(i.suffix_tokens) for g in the_plan.groups for batch in g.batches for i in batch.items
    ]


# --- prefixes ------------------------------------------------------------------------------


def test_the_prefix_is_what_all_prompts_of_a_group_begin_with():
    made = make(prompts([1, 2, 3, 4], [1, 2, 5], [1, 2, 3, 6]))
    assert prefixes(made) == [[1, 2]]
    assert suffixes(made) == [[3, 4], [5], [3, 6]]


def test_each_prompt_keeps_a_token_where_one_begins_another():
    made = make(prompts([1, 2, 3, 4], [1, 2, 3]))
    assert prefixes(made) == [[1, 2]]
    assert suffixes(made) == [[3, 4], [3]]


def test_identical_prompts_keep_their_last_token():
    made = make(prompts([1, 2, 3], [1, 2, 3], [1, 2, 3]))
    assert prefixes(made) == [[1, 2]]
    assert suffixes(made) == [[3], [3], [3]]


def test_prompts_of_one_token_share_nothing():
    made = make(prompts([1], [1]))
    assert prefixes(made) == [[]]
    assert suffixes(made) == [[1], [1]]


def test_prompts_that_differ_at_once_share_nothing():
    assert prefixes(make(prompts([1, 3], [2, 3]))) == [[]]


def test_a_prompt_alone_in_its_group_has_no_prefix():
    made = make(prompts([1, 2, 3]))
    assert prefixes(made) == [[]]
    assert suffixes(made) == [[1, 2, 3]]


def test_groups_have_their_own_prefixes():
    made = make(prompts([1, 2], [1, 3]) + prompts([1, 4, 5], [1, 4, 6], group="art"))
    assert prefixes(made) == [[1], [1, 4]]


def test_a_prefix_can_be_refused():
    made = make(prompts([1, 2, 3], [1, 2, 4]), share_prefix=False)
    assert prefixes(made) == [[]]
    assert suffixes(made) == [[1, 2, 3], [1, 2, 4]]


# --- batches -------------------------------------------------------------------------------


def test_a_batch_is_filled_to_the_budget_and_no_further():
    pairs = prompts([1, 1], [2, 2], [3, 3], [4])
    assert names(make(pairs, budget=4)) == [["q0", "q1"], ["q2", "q3"]]
    assert names(make(pairs, budget=5)) == [["q0", "q1"], ["q2", "q3"]]
    assert names(make(pairs, budget=6)) == [["q0", "q1", "q2"], ["q3"]]
    assert names(make(pairs, budget=7)) == [["q0", "q1", "q2", "q3"]]


def test_the_prefix_does_not_count_against_the_budget():
    assert names(make(prompts([9, 9, 9, 1], [9, 9, 9, 2]), budget=2)) == [["q0", "q1"]]


def test_a_batch_has_at_most_so_many_questions():
    made = make(prompts([1], [2], [3], [4], [5]), max_items=2)
    assert names(made) == [["q0", "q1"], ["q2", "q3"], ["q4"]]


def test_a_prompt_longer_than_the_budget_is_alone():
    made = make(prompts([1], [2] * 9, [3], [4]), budget=4)
    assert names(made) == [["q0"], ["q1"], ["q2", "q3"]]
    assert suffixes(made)[1] == [2] * 9


def test_batches_do_not_cross_groups():
    made = make(prompts([1], [2]) + prompts([3], [4], group="art"))
    assert [len(group.batches) for group in made.groups] == [1, 1]


def test_the_context_limits_a_batch_beside_its_prefix():
    pairs = prompts([9, 9, 1, 1], [9, 9, 2, 2], [9, 9, 3, 3])
    assert names(make(pairs, n_ctx=9)) == [["q0", "q1", "q2"]]
    assert names(make(pairs, n_ctx=8)) == [["q0", "q1"], ["q2"]]
    assert names(make(pairs, n_ctx=6)) == [["q0"], ["q1"], ["q2"]]


def test_the_number_of_choices_goes_with_the_question():
    pairs = [
        ("law", TokenizedPrompt("a", tokens(1), 2)),
        ("law", TokenizedPrompt("b", tokens(2), 7)),
    ]
    assert [(i.question_id, i.n_choices) for i in make(pairs).groups[0].batches[0].items] == [
        ("a", 2),
        ("b", 7),
    ]


# --- what holds for any prompts ------------------------------------------------------------

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=12)


@st.composite
def pairs_of_groups(draw):
    groups = draw(st.lists(SEQUENCES, min_size=1, max_size=4))
    return [
        (f"g{g}", TokenizedPrompt(f"g{g}/q{i}", array("i", ids), draw(st.integers(2, 10))))
        for g, sequences in enumerate(groups)
        for i, ids in enumerate(sequences)
    ]


LIMITS = {
    "budget": st.integers(1, 30),
    "max_items": st.integers(1, 6),
    "n_ctx": st.none() | st.integers(13, 40),
    "share_prefix": st.booleans(),
}


@given(pairs=pairs_of_groups(), options=st.fixed_dictionaries(LIMITS))
def test_put_together_again_the_tokens_are_the_prompts(pairs, options):
    made = plan.make(pairs, **options)
    again = [
        TokenizedPrompt(item.question_id, group.prefix_tokens + item.suffix_tokens, item.n_choices)
        for group in made.groups
        for batch in group.batches
        for item in batch.items
    ]
    assert again == [prompt for _, prompt in pairs]


@given(pairs=pairs_of_groups(), options=st.fixed_dictionaries(LIMITS))
def test_every_batch_keeps_the_limits(pairs, options):
    made = plan.make(pairs, **options)
    n_ctx = options["n_ctx"]
    for group in made.groups:
        for batch in group.batches:
            assert 1 <= len(batch.items) <= options["max_items"]
            assert all(item.suffix_tokens for item in batch.items)
            assert batch.n_tokens <= options["budget"] or len(batch.items) == 1
            assert n_ctx is None or len(group.prefix_tokens) + batch.n_tokens + 1 <= n_ctx


@given(pairs=pairs_of_groups(), options=st.fixed_dictionaries(LIMITS))
def test_no_batch_could_take_in_the_next_question(pairs, options):
    made = plan.make(pairs, **options)
    for group in made.groups:
        room = options["budget"]
        if options["n_ctx"] is not None:
            room = min(room, options["n_ctx"] - len(group.prefix_tokens) - 1)
        for batch, following in zip(group.batches, group.batches[1:], strict=False):
            more = batch.n_tokens + len(following.items[0].suffix_tokens)
            assert more > room or len(batch.items) == options["max_items"]


@given(pairs=pairs_of_groups())
def test_no_longer_prefix_would_do(pairs):
    made = make(pairs)
    members = [[p.tokens for _, p in g] for _, g in groupby(pairs, key=lambda pair: pair[0])]
    for group, sequences in zip(made.groups, members, strict=True):
        if len(sequences) > 1:
            longer = len(group.prefix_tokens) + 1
            distinct = {tuple(sequence[:longer]) for sequence in sequences}
            assert len(distinct) > 1 or longer == min(map(len, sequences))


# --- the context ---------------------------------------------------------------------------


def test_a_prompt_that_does_not_fit_is_named_with_the_context_it_needs():
    with pytest.raises(ContextError) as caught:
        make(prompts([1] * 10, [2] * 300, [3] * 20), n_ctx=300)
    assert str(caught.value) == (
        "the prompt of q1 needs a context of 301 tokens, and it is 300. Nothing is truncated: "
        "use -c 512 or more, or fewer --shots."
    )


def test_a_context_just_large_enough_will_do():
    pairs = prompts([1] * 10, [2] * 300, [3] * 20)
    assert names(make(pairs, n_ctx=301)) == [["q0"], ["q1"], ["q2"]]


def test_the_context_that_the_error_asks_for_will_do():
    pairs = prompts([1] * 256)
    with pytest.raises(ContextError, match="use -c 512 or more"):
        make(pairs, n_ctx=256)
    assert plan.context_size(make(pairs, n_ctx=512)) == 512


def test_a_prompt_counts_whole_though_its_prefix_is_shared():
    with pytest.raises(ContextError, match=r"^the prompt of q0 needs a context of 5 tokens"):
        make(prompts([1, 1, 1, 2], [1, 1, 1, 3]), n_ctx=4)


@pytest.mark.parametrize(("n", "size"), [(1, 256), (255, 256), (256, 512), (511, 512), (512, 768)])
def test_the_context_is_rounded_up_with_room_for_the_padding(n, size):
    assert plan.context_size(make(prompts([1] * n))) == size


def test_the_context_holds_a_prefix_and_its_largest_batch():
    small = prompts([1] * 200, [2] * 200)
    shared = prompts([3] * 400 + [4], [3] * 400 + [5] * 110, group="art")
    made = make(small + shared, budget=200)
    assert plan.context_size(made) == 512
    assert plan.context_size(replace(made, groups=made.groups[:1])) == 256


def test_sequences_are_the_prefix_the_largest_batch_and_the_padding():
    made = make(prompts([1], [2], [3], [4]), max_items=3)
    assert plan.sequences(made) == 1 + 3 + 1


# --- the chain -----------------------------------------------------------------------------


def item(name, *ids, n_choices=4):
    return Item(name, tokens(*ids), n_choices)


def one_group(*batches, prefix=(1, 2)):
    return Plan((Group(tokens(*prefix), tuple(Batch(tuple(items)) for items in batches)),))


TINY = one_group([item("a", 3), item("é", 4, 128256, n_choices=2)], [item("c", 5)])


def test_the_hashes_of_a_tiny_plan_stay():
    assert plan.chain(TINY) == [
        "b2e61ca68162437178ae00027edc7e1a37673024b39bf850078f0c34ceefb46e",
        "fddaf14f02a404ef3ab859ebc1ed2b378f93eb3170575bed9586bbba45b87475",
    ]


def test_the_plans_hash_is_the_last_link():
    assert plan.plan_hash(TINY) == plan.chain(TINY)[-1]


def test_there_is_a_link_for_each_batch():
    made = make(prompts([1], [2], [3]) + prompts([4], group="art"), max_items=2)
    assert len(plan.chain(made)) == made.n_batches == 3


@pytest.mark.parametrize(
    "other",
    [
        one_group([item("a", 9), item("é", 4, 128256, n_choices=2)], [item("c", 5)]),
        one_group([item("a", 3), item("é", 4, 9, n_choices=2)], [item("c", 5)]),
        one_group([item("a", 3), item("é", 128256, 4, n_choices=2)], [item("c", 5)]),
        one_group([item("a", 3), item("é", 4, 128256, n_choices=3)], [item("c", 5)]),
        one_group([item("b", 3), item("é", 4, 128256, n_choices=2)], [item("c", 5)]),
        one_group([item("é", 4, 128256, n_choices=2), item("a", 3)], [item("c", 5)]),
        one_group([item("a", 3)], [item("é", 4, 128256, n_choices=2), item("c", 5)]),
        one_group([item("a", 3), item("é", 4, 128256, n_choices=2), item("c", 5)]),
        one_group([item("a", 3), item("é", 4, 128256, n_choices=2)], [item("c", 5)], prefix=(1, 9)),
        one_group([item("a", 3), item("é", 4, 128256, n_choices=2)], [item("c", 5)], prefix=(1,)),
        one_group(
            [item("a", 2, 3), item("é", 2, 4, 128256, n_choices=2)], [item("c", 2, 5)], prefix=(1,)
        ),
        one_group([item("a", 3), item("é", 4, 128256, n_choices=2)], [item("c", 6)]),
    ],
    ids=[
        "token",
        "last token",
        "order of tokens",
        "choices",
        "id",
        "order of questions",
        "where batches part",
        "one batch",
        "prefix",
        "shorter prefix",
        "where the prefix ends",
        "second batch",
    ],
)
def test_the_hash_changes_with(other):
    assert plan.plan_hash(other) != plan.plan_hash(TINY)


def test_equal_plans_have_equal_chains():
    pairs = prompts([1, 2, 3], [1, 2, 4], [1, 5])
    assert plan.chain(make(pairs, max_items=1)) == plan.chain(make(list(pairs), max_items=1))


def test_a_longer_plan_agrees_as_far_as_the_batches_do():
    short = one_group([item("a", 3)], [item("b", 4)])
    longer = one_group([item("a", 3)], [item("b", 4)], [item("c", 5)], [item("d", 6)])
    assert plan.chain(longer)[:2] == plan.chain(short)


def test_a_chain_that_has_parted_never_meets_again():
    one = one_group([item("a", 3)], [item("b", 4)], [item("c", 5)])
    other = one_group([item("a", 3)], [item("b", 9)], [item("c", 5)])
    agree = [x == y for x, y in zip(plan.chain(one), plan.chain(other), strict=True)]
    assert agree == [True, False, False]


@given(pairs=pairs_of_groups(), data=st.data())
def test_any_changed_token_changes_the_hash(pairs, data):
    at = data.draw(st.integers(0, len(pairs) - 1))
    group, prompt = pairs[at]
    place = data.draw(st.integers(0, len(prompt.tokens) - 1))
    changed = array("i", prompt.tokens)
    changed[place] += 7
    others = [*pairs[:at], (group, replace(prompt, tokens=changed)), *pairs[at + 1 :]]
    assert plan.plan_hash(make(others)) != plan.plan_hash(make(pairs))


# --- texts and likelihoods ---


def test_the_slots_longest_texts_fit_together():
    # A prefix of 1; suffixes of 300, 100 and 50, two at a time, 60 tokens each, one of padding.
    the_plan = make(prompts([7] + 300 * [1], [7] + 100 * [2], [7] + 50 * [3]))
    sampling = Sampling(temperature=0.0, max_tokens=60, seed=0, slots=2)
    assert 1 + (300 + 60) + (100 + 60) + 1 == 522
    assert plan.generation_context_size(the_plan, sampling) == 768
    assert plan.generation_sequences(the_plan, sampling) == 4
    assert plan.generation_sequences(the_plan, replace(sampling, slots=16)) == 5


def test_a_prompt_must_fit_with_what_will_be_generated():
    pairs = prompts(range(100), range(50, 150))
    assert make(pairs, n_ctx=128, max_tokens=27).n_questions == 2
    with pytest.raises(ContextError, match="q0 needs a context of 129 tokens, and it is 128"):
        make(pairs, n_ctx=128, max_tokens=28)


def with_texts(name, *texts, n_scored=1):
    continuations = tuple(Continuation(tokens(*ids), n_scored) for ids in texts)
    return ("law", TokenizedPrompt(name, tokens(1, 2, 3), len(texts), continuations))


def test_texts_take_room_and_sequences_of_their_own():
    pairs = [with_texts(f"q{i}", [4, 5], [6], [7, 8, 9]) for i in range(3)]
    assert pairs[0][1].n_tokens == 3 + 1 + 0 + 2  # nothing follows a text's last token
    assert names(make(pairs, max_items=6)) == [["q0", "q1"], ["q2"]]
    assert names(make(pairs, budget=8)) == [["q0", "q1"], ["q2"]]  # 1 + 3 each beside the prefix
    the_plan = make(pairs, max_items=6)
    assert plan.sequences(the_plan) == 2 + 6
    assert the_plan.n_tokens == 2 + 3 * 4


def test_the_hash_notices_every_text():
    one = plan.plan_hash(make([with_texts("q", [4, 5], [6])]))
    assert plan.plan_hash(make([with_texts("q", [4, 5], [7])])) != one
    assert plan.plan_hash(make([with_texts("q", [4], [5, 6])])) != one
    assert plan.plan_hash(make([with_texts("q", [4, 5], [6], n_scored=2)])) != one


def test_values_are_cut_as_the_items_are():
    the_plan = make([*prompts(range(4), range(50, 54)), *prompts(range(9))], max_items=1)
    n = the_plan.n_questions
    assert plan.by_batch(the_plan, range(n)) == [(i,) for i in range(n)]
    together = make(prompts(range(4), range(50, 54)))
    assert plan.by_batch(together, "xy") == [("x", "y")]


# --- rounds --------------------------------------------------------------------------------


def one(name, *ids):
    return TokenizedPrompt(name, array("i", ids), 4)


def test_rounds_are_cut_apart_and_share_the_prefix_of_all_their_subjects_prompts():
    pairs = [
        ("law", one("a", 1, 2, 3, 4)),
        ("law", one("b", 1, 2, 3, 5)),
        ("law", one("c", 1, 2, 9, 9)),
        ("art", one("d", 7, 7, 1)),
    ]
    whole = plan.make(pairs, budget=64, rounds=(2, 2))
    assert [g.prefix_tokens.tolist() for g in whole.groups] == [[1, 2], [1, 2], []]
    assert [[i.question_id for b in g.batches for i in b.items] for g in whole.groups] == [
        ["a", "b"],
        ["c"],
        ["d"],
    ]
    assert whole.stops == (1, 3)


def test_a_plan_without_rounds_has_no_stops():
    assert plan.make([("law", one("a", 1, 2))], budget=8).stops == ()


def test_one_round_of_everything_is_the_plan_without_rounds():
    pairs = [("law", one("a", 1, 2, 3)), ("law", one("b", 1, 2, 4))]
    assert plan.make(pairs, budget=8, rounds=(2,)).groups == plan.make(pairs, budget=8).groups


# --- what questions on one text begin with ---------------------------------------------------

TEXT = list(range(100, 140))


def shared(the_plan):
    return [[i.n_shared for i in batch.items] for g in the_plan.groups for batch in g.batches]


def test_a_text_of_several_questions_is_decoded_once():
    pairs = prompts([1, *TEXT, 2], [1, *TEXT, 3, 4], [1, *TEXT, 3, 5, 6], [1, 9])
    made = make(pairs, share_stems=True)
    assert prefixes(made) == [[1]]
    assert suffixes(made) == [[*TEXT, 2], [*TEXT, 3, 4], [*TEXT, 3, 5, 6], [9]]
    assert shared(made) == [[0, 40, 41, 0]]
    assert made.n_tokens == 1 + 41 + 2 + 2 + 1
    assert made.n_tokens == make(pairs).n_tokens - 81


def test_a_little_in_common_changes_nothing():
    pairs = prompts([1, *TEXT[:31], 2], [1, *TEXT[:31], 3], [1, 9])
    assert make(pairs, share_stems=True) == make(pairs)
    assert plan.chain(make(pairs, share_stems=True)) == plan.chain(make(pairs))


def test_a_question_that_is_there_twice_keeps_its_last_token():
    made = make(prompts([1, *TEXT], [1, *TEXT], [1, 9]), share_stems=True)
    assert shared(made) == [[0, 39, 0]]


def test_what_is_shared_makes_room_in_a_batch():
    pairs = prompts([1, *TEXT, 2], [1, *TEXT, 3], [1, *TEXT, 4], [1, 9])
    assert names(make(pairs, budget=43, share_stems=True)) == [["q0", "q1", "q2"], ["q3"]]
    assert names(make(pairs, budget=43)) == [["q0"], ["q1"], ["q2", "q3"]]


def test_a_batch_begins_with_a_whole_question():
    pairs = prompts([1, *TEXT, 2], [1, *TEXT, 3], [1, *TEXT, 4], [1, 9])
    made = make(pairs, max_items=2, share_stems=True)
    assert names(made) == [["q0", "q1"], ["q2", "q3"]]
    assert shared(made) == [[0, 40], [0, 0]]


def test_sharing_is_another_plan():
    pairs = prompts([1, *TEXT, 2], [1, *TEXT, 3], [1, 9])
    assert plan.plan_hash(make(pairs, share_stems=True)) != plan.plan_hash(make(pairs))


def test_the_context_holds_what_is_shared_once():
    pairs = prompts(*([1, *range(300), i] for i in range(1000, 1008)), [1, 9])
    assert plan.context_size(make(pairs, budget=4096, share_stems=True)) == 512
    assert plan.context_size(make(pairs, budget=4096)) == 2560


# --- what all prompts begin with -----------------------------------------------------------


def test_what_the_prompts_of_all_groups_begin_with_is_decoded_once():
    law = prompts([1, *TEXT, 2, 5], [1, *TEXT, 2, 6], group="law")
    art = prompts([1, *TEXT, 3, 5], [1, *TEXT, 3, 6], group="art")
    made = make(law + art)
    assert made.n_common == 41
    assert prefixes(made) == [[1, *TEXT, 2], [1, *TEXT, 3]]
    assert made.n_tokens == 41 + 2 * (1 + 2)


def test_a_prompt_alone_in_its_group_shares_what_all_begin_with():
    made = make(prompts([1, *TEXT, 5], group="law") + prompts([1, *TEXT, 6], group="art"))
    assert prefixes(made) == [[1, *TEXT], [1, *TEXT]]
    assert suffixes(made) == [[5], [6]]
    assert made.n_tokens == 41 + 2


def test_a_few_tokens_that_all_begin_with_change_nothing():
    pairs = prompts([1, *TEXT[:30], 5], group="law") + prompts([1, *TEXT[:30], 6], group="art")
    made = make(pairs)
    assert (made.n_common, prefixes(made)) == (0, [[], []])


def test_one_group_has_nothing_in_common_with_others():
    assert make(prompts([1, *TEXT, 5], [1, *TEXT, 6])).n_common == 0


def test_nothing_is_in_common_where_prefixes_are_refused():
    pairs = prompts([1, *TEXT, 5], group="law") + prompts([1, *TEXT, 6], group="art")
    assert make(pairs, share_prefix=False).n_common == 0


def test_to_decode_what_is_common_apart_is_another_plan():
    pairs = prompts([1, *TEXT, 5], group="law") + prompts([1, *TEXT, 6], group="art")
    made = make(pairs)
    assert plan.plan_hash(replace(made, n_common=0)) != plan.plan_hash(made)
