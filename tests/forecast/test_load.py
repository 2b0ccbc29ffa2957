"""What a plan asks of the engine, and the time that follows from measured speeds."""

from __future__ import annotations

from array import array

import pytest

from ggufeval.forecast.load import Load, Speed, fitted, left, of_rows
from ggufeval.types import Batch, Group, Item, Plan


def tokens(n: int) -> array[int]:
    return array("i", range(n))


def group(n_prefix: int, *batches: tuple[int, ...]) -> Group:
    made = [Batch(tuple(Item("q", tokens(n), 4) for n in sizes)) for sizes in batches]
    return Group(tokens(n_prefix), tuple(made))


PLAN = Plan((group(600, (100, 200), (300,)), group(0, (50,))))


def test_a_piece_is_held_against_all_cells_in_use_rounded_up():
    assert of_rows(0, 100, 512) == Load(100, 100 * 256)
    assert of_rows(0, 600, 512) == Load(600, 512 * 512 + 88 * 768)
    assert of_rows(1000, 24, 512) == Load(24, 24 * 1024)
    assert of_rows(0, 0, 512) == Load()


def test_questions_that_were_read_leave_their_cells():
    assert of_rows(0, 1024, 512, leave=True) == Load(1024, 1024 * 512)
    assert of_rows(0, 1024, 512) == Load(1024, 512 * 512 + 512 * 1024)


def test_all_of_a_plan_is_left_of_one_that_is_not_begun():
    load = left(PLAN, 512, leave=True)
    assert load.tokens == PLAN.n_tokens
    assert load == (
        of_rows(0, 600, 512) + of_rows(600, 300, 512) + of_rows(600, 300, 512) + of_rows(0, 50, 512)
    )


def test_a_prefix_is_decoded_again_for_the_batches_that_are_left():
    assert left(PLAN, 512, leave=True, done={0}).tokens == 600 + 300 + 50
    assert left(PLAN, 512, leave=True, done={0, 1}) == of_rows(0, 50, 512)
    assert left(PLAN, 512, leave=True, done={0, 1, 2}) == Load()


def test_what_all_prefixes_begin_with_is_decoded_once():
    plan = Plan((group(600, (100,)), group(700, (50,)), group(300, (50,))), n_common=300)
    load = left(plan, 512, leave=True, done={0})
    assert load == (
        of_rows(0, 700, 512) + of_rows(700, 50, 512) + of_rows(300, 0, 512) + of_rows(300, 50, 512)
    )
    assert left(plan, 512, leave=True).tokens == plan.n_tokens


LOADS = (Load(600, 600 * 500), Load(500, 500 * 1200), Load(1500, 1500 * 900), Load(400, 400 * 2000))


@pytest.mark.parametrize("speed", [Speed(2e-3, 1e-6), Speed(5e-5, 0.0), Speed(0.01, 2e-5)])
def test_a_speed_is_found_again(speed):
    found = fitted([(load, speed.seconds(load)) for load in LOADS])
    assert found.per_token == pytest.approx(speed.per_token, rel=1e-6)
    assert found.per_cell == pytest.approx(speed.per_cell, rel=1e-6, abs=1e-12)


def test_what_few_batches_measure_holds_for_a_plan_of_another_depth():
    """Attention is half of the time at depth 2,000: with tokens alone it would be off by 30%."""
    speed, noise = Speed(2e-3, 1e-6), (1.04, 0.97, 1.02, 0.98)
    found = fitted([(x, n * speed.seconds(x)) for x, n in zip(LOADS, noise, strict=True)])
    for depth in (400, 1000, 2500):
        load = Load(100_000, 100_000 * depth)
        assert found.seconds(load) == pytest.approx(speed.seconds(load), rel=0.06)


def test_one_depth_tells_no_two_things_apart():
    found = fitted([(Load(600, 600 * 512), 2.0), (Load(400, 400 * 600), 2.0)])
    assert found == Speed(4.0 / 1000)


def test_no_speed_is_negative():
    found = fitted([(Load(500, 500 * 500), 2.0), (Load(500, 500 * 2000), 1.0)])
    assert found.per_cell == 0.0
    assert found.per_token > 0.0
