"""The simulation runs, in small; what it finds in full stands in docs/methodology.md."""

import re
import sys

import numpy as np
import pytest
import simulate_statistics
from simulated_intervals import DESIGNS, SUBJECTS, Design

CELL = re.compile(r"(\d[\d,.]*|\*\*[\d.]+\*\*)( / (\d[\d,.]*|\*\*[\d.]+\*\*))?|-\d+\.\d|all, k = 8")


@pytest.fixture(scope="module")
def printed():
    return _printed("--quick")


def _printed(*options):
    with pytest.MonkeyPatch.context() as patch:
        lines = []
        patch.setattr(sys, "argv", ["simulate_statistics.py", *options])
        patch.setattr("builtins.print", lambda line, **_: lines.extend(line.splitlines()))
        simulate_statistics.main()
    return lines


def test_all_tables_are_whole(printed):
    assert printed[0] == "50 studies a cell, seed 1; in percent."
    titles = [line for line in printed if line.startswith("**")]
    assert len(titles) == len(simulate_statistics.TABLES) + 2  # one makes three
    rows = [line.strip("| ").split(" | ") for line in printed if re.match(r"\| (\d|all)", line)]
    assert len(rows) > len(titles)
    assert [cell for row in rows for cell in row if not CELL.fullmatch(cell)] == []


def test_the_seed_decides(printed):
    assert _printed("--quick", "--studies", "50") == printed
    assert _printed("--quick", "--seed", "2")[1:] != printed[1:]


def test_mmlu_has_57_subjects():
    """As in cais/mmlu, config `all`, test."""
    assert (len(SUBJECTS), SUBJECTS.sum(), SUBJECTS.min(), SUBJECTS.max()) == (57, 14042, 100, 1534)


def test_candidates_lose_what_they_should():
    answers = simulate_statistics.candidates(np.random.default_rng(0), 2000, 20)
    assert (-answers.sum(axis=1)).tolist() == [20] * 8
    flips = np.abs(answers)
    assert flips.mean(axis=1).tolist() == pytest.approx(simulate_statistics.CANDIDATES)
    # They flip partly the same questions: independently, 7% and 12% would share 17 of 2,000.
    assert (flips[3] & flips[4]).sum() > 2 * 0.07 * 0.12 * 2000


@pytest.mark.parametrize("design", [*DESIGNS, Design(SUBJECTS, "macro", finite=False)])
def test_designs_draw_what_they_say(design):
    chances = np.tile([0.2, 0.1, 0.7], (57, 1))
    seen, truths = design.draw(np.random.default_rng(0), chances, 5)
    assert (seen.sum(axis=2) == design.each).all()
    assert truths.sum(axis=1) == pytest.approx(1)
    assert (truths == chances).all() != design.finite
    assert design.weights.sum() == pytest.approx(1)
