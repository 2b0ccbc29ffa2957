"""The flip floor, and how it enters the verdict."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ggufeval.stats import compare
from ggufeval.stats.floor import floor, noise, reach
from ggufeval.stats.intervals import wilson
from ggufeval.stats.paired import mover
from ggufeval.stats.verdict import judge
from ggufeval.types import Design, Floor, Repeat, Verdict

WITHIN, WORSE, UNDECIDED = Verdict


def seen(flips, n):
    return Floor(n, flips, 0, wilson(flips, n))


def one(lost, won, n, **settings):
    return judge([lost], [won], [n], [1.0], **settings)


def test_flips_go_both_ways(make_result):
    """Gold is A: one lost, two won, one of B turned C, an unread one that stayed so."""
    first = make_result({"law": "AABBBAA?"})
    second = make_result({"law": "ABAACAA?"})
    repeat = Repeat("other", tuple(zip(first.records, second.records, strict=True)), 8)
    found = floor(repeat)
    assert found == Floor(8, 3, 1, wilson(3, 8), 0.0)
    turned = floor(replace(repeat, pairs=tuple(pair[::-1] for pair in repeat.pairs)))
    assert turned == found


def test_how_far_the_logits_moved(make_result):
    """One of the second question's by 0.25; the third has fewer choices; texts have none."""
    rows = [(1.0, 2.0, 3.0, 4.0), (0.5, -1.25, 0.0, 0.0), (2.0, 1.0)]
    moved = [rows[0], (0.5, -1.0, 0.0, 0.0), rows[2]]
    first, second = (
        tuple(
            replace(record, letter_logits=logits)
            for record, logits in zip(make_result({"law": "AAA"}).records, of_run, strict=True)
        )
        for of_run in (rows, moved)
    )
    assert floor(Repeat("other", tuple(zip(first, second, strict=True)), 3)).moved == 0.25
    texts = tuple(replace(record, letter_logits=()) for record in first)
    assert math.isnan(floor(Repeat("other", tuple(zip(texts, texts, strict=True)), 3)).moved)


def test_noise_by_hand():
    """F = 2% and 6% over 1,000 questions: sqrt(.08/2000) = .63 points."""
    floors = [seen(20, 1000), seen(60, 1000)]
    assert math.sqrt(noise(floors, 1000)) == pytest.approx(0.00632, abs=1e-5)
    assert noise([], 1000) == 0


@pytest.mark.parametrize(("share", "points"), [(0.005, 0.10), (0.02, 0.20), (0.06, 0.34)])
def test_what_a_full_run_of_mmlu_leaves_open(share, points):
    """1.645 sqrt(F / 14,042) for two floors of F, so well known that their limits are no higher."""
    many = 10_000_000
    found = one(300, 290, 14_042, floors=[seen(round(share * many), many)] * 2)
    assert found.interval.level == pytest.approx(0.9)
    assert 100 * found.arithmetic == pytest.approx(points, abs=0.005)


def test_a_floor_of_nothing_seen_still_leaves_something_open():
    floors = [seen(0, 200)] * 2
    upper = wilson(0, 200).high
    assert reach(floors, 1000, 0.9) == pytest.approx(1.6449 * math.sqrt(upper / 1000), rel=1e-4)
    assert one(9, 7, 1000, floors=floors).interval == one(9, 7, 1000).interval


def test_the_interval_is_wider_by_the_noise():
    floors = [seen(20, 1000), seen(60, 1000)]
    plain = mover([60], [30], [1000], [1.0], level=0.9)
    found = one(60, 30, 1000, floors=floors)
    error = 1.644854 * math.sqrt(0.08 / 2000)
    arm = plain.value - plain.low
    assert found.interval.value == plain.value == -0.03
    assert found.interval.value - found.interval.low == pytest.approx(math.hypot(arm, error))
    arm = plain.high - plain.value
    assert found.interval.high - found.interval.value == pytest.approx(math.hypot(arm, error))


def test_what_can_be_detected_grows_with_it():
    """Its definition holds: half of the flips lost are within h, and not within less."""
    floors = [seen(30, 1000), seen(40, 1000)]
    h = one(60, 30, 1000, floors=floors).detectable
    assert h > one(60, 30, 1000).detectable
    assert one(45, 45, 1000, floors=floors, margin=h).verdict is WITHIN
    assert one(45, 45, 1000, floors=floors, margin=0.999 * h).verdict is not WITHIN


def test_noise_may_leave_a_verdict_open_and_never_turns_it():
    floors = [seen(60, 1000), seen(90, 1000)]
    assert one(150, 150, 20_000, margin=0.0021).verdict is WITHIN
    assert one(150, 150, 20_000, margin=0.0021, floors=floors).verdict is UNDECIDED
    assert one(330, 0, 20_000, margin=0.0145).verdict is WORSE
    assert one(330, 0, 20_000, margin=0.0145, floors=floors).verdict is UNDECIDED


def test_a_loss_within_the_floor_is_a_loss_all_the_same():
    """3% flip where 6% flip by themselves; they all go one way."""
    floors = [seen(120, 2000)] * 2
    assert one(420, 0, 14_042, floors=floors).verdict is WORSE


def test_weights_make_the_sample_smaller():
    floors = [seen(20, 1000)]
    uneven = judge([4, 0], [0, 4], [50, 50], [0.9, 0.1], floors=floors)
    plain = judge([4, 0], [0, 4], [50, 50], [0.9, 0.1])
    size = 1 / (0.9**2 / 50 + 0.1**2 / 50)
    error = 1.644854 * math.sqrt(0.02 / (2 * size))
    arm = math.hypot(plain.interval.high - plain.interval.value, error)
    assert uneven.interval.high - uneven.interval.value == pytest.approx(arm)


@pytest.mark.parametrize(
    ("n", "lost", "won", "share"),
    [(1000, 0.02, 0.01, 0.02), (4000, 0.08, 0.05, 0.02), (4000, 0.0, 0.0, 0.06)],
)
def test_intervals_of_noisy_runs_hold_the_truth(n, lost, won, share):
    """Seeded; 1,000 studies. Each model knows a question or not, but for some of them (3F, whose
    two answers differ a third of the time), which it answers right with a chance of their own.
    The floors are taken of 500 questions each. At 95%, as elsewhere.
    """
    rng = np.random.default_rng(7)
    truth = (1 - 3 * share) * (won - lost)
    covered = reached = 0
    for _ in range(1000):
        knows = rng.random(n) < 0.6
        turns = rng.random(n) < np.where(knows, lost / 0.6, won / 0.4)
        chances = [
            np.where(rng.random(n) < 3 * share, rng.random(n), known)
            for known in (knows, knows ^ turns)
        ]
        reference, candidate = (rng.random(n) < q for q in chances)
        floors = [
            seen(int(((rng.random(500) < q[:500]) ^ (rng.random(500) < q[:500])).sum()), 500)
            for q in chances
        ]
        b, c = int((reference & ~candidate).sum()), int((candidate & ~reference).sum())
        found = one(b, c, n, alpha=0.025, floors=floors)
        covered += truth in found.interval
        here = float((chances[1] - chances[0]).mean())
        reached += abs((c - b) / n - here) <= found.arithmetic
    assert covered / 1000 >= 0.94
    assert reached / 1000 >= 0.94


# --- in a comparison -----------------------------------------------------------------------


def test_floors_reach_their_runs(make_result):
    reference, candidate, other = (
        make_result({"law": "A" * 190 + text}, label=label)
        for label, text in (("F16", "A" * 10), ("Q8_0", "AB" * 5), ("Q4_0", "B" * 10))
    )
    reference, candidate, other = (
        replace(result, run=replace(result.run, id=name))
        for result, name in ((reference, "r"), (candidate, "c"), (other, "o"))
    )
    floors = {"r": seen(2, 100), "c": seen(3, 100), "elsewhere": seen(9, 9)}
    c = compare(reference, [candidate, other], floors=floors)
    assert c.reference.floor == floors["r"]
    assert [item.score.floor for item in c.candidates] == [floors["c"], None]
    first, second = (item.judgement for item in c.candidates)
    assert first == one(5, 0, 200, n_candidates=2, floors=[floors["r"], floors["c"]])
    assert second == one(10, 0, 200, n_candidates=2, floors=[floors["r"]])
    assert c.candidates[0].difference == compare(reference, [candidate]).candidates[0].difference


def test_without_floors_nothing_changes(make_result):
    run = make_result({"law": "AAAB" * 20}, design=Design.FULL)
    (item,) = compare(run, [run]).candidates
    assert item.judgement.arithmetic is item.score.floor is None
