"""How many questions would `--until-verdict` have taken? Replayed on recorded runs.

    python scripts/replay_verdicts.py RESULTS.sqlite REFERENCE LEVEL... [--margin 1] [--orders 1000]

The questions that both runs have answered are taken for the whole plan, N of them, and put in many
random orders; in each the sequential test of `ggufeval.stats.sequential` goes through the recorded
answers until it has its verdict. Printed: lost and won over all N, which is the truth here, how
often either verdict came, and after how many questions (the median order, and nine of ten).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ggufeval.stats.sequential import WITHIN, WORSE, walk
from ggufeval.store import Store
from ggufeval.types import RunResult

Ints = NDArray[np.int_]


def differences(reference: RunResult, level: RunResult) -> Ints:
    """-1 lost, 1 won, 0 otherwise, of the questions in common."""
    right = {(r.question_id, r.rotation): r.correct for r in reference.records}
    keys = [(r, (r.question_id, r.rotation)) for r in level.records]
    return np.array([int(r.correct) - int(right[key]) for r, key in keys if key in right])


def stops(d: Ints, *, margin: float, threshold: float, orders: int) -> tuple[Ints, Ints]:
    """Verdicts and stopping points, one an order."""
    random = np.random.default_rng(1)
    verdicts, points = [], []
    for _ in range(orders):
        code, stop = walk(random.permutation(d), len(d), margin).decide(threshold)
        verdicts.append(int(code))
        points.append(int(stop) or len(d))
    return np.array(verdicts), np.array(points)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("db", type=Path)
    parser.add_argument("reference", help="a run's id, or its beginning")
    parser.add_argument("levels", nargs="+", help="runs")
    parser.add_argument("--margin", type=float, default=1.0, help="points")
    parser.add_argument("--alpha", type=float, default=0.05)
    parser.add_argument("--orders", type=int, default=1000)
    args = parser.parse_args()
    print("| level | N | lost | won | loss, points | within | worse | median | nine of ten |")
    print("| --- " + "| ---: " * 8 + "|")
    with Store.open(args.db, read_only=True) as store:
        reference = store.result(args.reference)
        for name in args.levels:
            level = store.result(name)
            d = differences(reference, level)
            verdicts, points = stops(
                d,
                margin=args.margin / 100,
                threshold=len(args.levels) / args.alpha,
                orders=args.orders,
            )
            print(
                f"| {level.run.model.level} | {len(d):,} | {(d < 0).sum():,} | {(d > 0).sum():,} "
                f"| {-100 * d.mean():.2f} | {(verdicts == WITHIN).mean():.1%} "
                f"| {(verdicts == WORSE).mean():.1%} | {np.median(points):,.0f} "
                f"| {np.quantile(points, 0.9):,.0f} |"
            )


if __name__ == "__main__":
    main()
