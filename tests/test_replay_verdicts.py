"""Stopping points replayed on recorded answers."""

from __future__ import annotations

import numpy as np
import replay_verdicts

from ggufeval.stats.sequential import WITHIN, WORSE


def replayed(d):
    return replay_verdicts.stops(np.array(d), margin=0.01, threshold=20, orders=50)


def test_a_level_that_never_differs_is_within_early():
    verdicts, points = replayed([0] * 2000)
    assert (verdicts == WITHIN).all()
    assert points.max() < 1000


def test_a_level_that_loses_much_is_found_out_in_every_order():
    verdicts, points = replayed([-1, 0, 0, 0] * 500)
    assert (verdicts == WORSE).all()
    assert points.max() < 200


def test_equal_answers_are_asked_in_other_orders():
    _, points = replayed(([-1] * 2 + [1] * 2 + [0] * 96) * 20)
    assert len(set(points.tolist())) > 10
