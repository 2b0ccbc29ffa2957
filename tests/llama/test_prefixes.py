"""Prefixes that a plan comes back to."""

from __future__ import annotations

from array import array

from ggufeval.llama import prefixes
from ggufeval.types import Batch, Group, Item, Plan


def group(prefix, *names):
    return Group(
        array("i", prefix), tuple(Batch((Item(name, array("i", [5, 6]), 4),)) for name in names)
    )


def test_those_of_more_than_one_group_recur():
    plan = Plan((group([1, 2], "a"), group([3], "b"), group([1, 2], "c"), group([], "d", "e")))
    assert prefixes.recurring(plan) == {array("i", [1, 2]).tobytes()}


def test_groups_that_are_done_do_not_count():
    plan = Plan((group([1, 2], "a", "b"), group([1, 2], "c"), group([1, 2], "d")))
    assert prefixes.recurring(plan, {0, 1}) == {array("i", [1, 2]).tobytes()}
    assert prefixes.recurring(plan, {0, 1, 2}) == frozenset()
    assert prefixes.recurring(plan, {0, 2}) == {array("i", [1, 2]).tobytes()}
