"""What a plan asks of the engine, and how long that takes at speeds that were measured."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ggufeval.types import Plan

_CELLS = 256
"""llama.cpp computes attention over the cells in use, rounded up to a multiple of this."""
_SAME_DEPTH = 1.25
"""Measurements that differ in depth by no more of it do not tell attention from the rest."""


@dataclass(frozen=True, slots=True)
class Load:
    """Tokens to be decoded, and the cells of the cache that each is held against, added up."""

    tokens: int = 0
    cells: int = 0

    def __add__(self, other: Load) -> Load:
        return Load(self.tokens + other.tokens, self.cells + other.cells)

    @property
    def depth(self) -> float:
        """Cells a token."""
        return self.cells / max(self.tokens, 1)


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds that a token takes, and that each cell which it is held against adds."""

    per_token: float
    per_cell: float = 0.0

    def seconds(self, load: Load) -> float:
        return self.per_token * load.tokens + self.per_cell * load.cells


def of_rows(start: int, n: int, n_ubatch: int, *, leave: bool = False) -> Load:
    """Of n tokens behind `start` others, decoded in pieces of `n_ubatch`. `leave`: each piece's
    cells are free again when the next begins, as those of questions that were read are."""
    load = Load()
    for first in range(0, n, n_ubatch):
        piece = min(n_ubatch, n - first)
        cells = start + piece + (0 if leave else first)
        load += Load(piece, piece * (-(-cells // _CELLS) * _CELLS))
    return load


def left(plan: Plan, n_ubatch: int, *, leave: bool, done: Collection[int] = ()) -> Load:
    """Of the batches that are not done, by position, and of the prefixes that these need."""
    stored, position, load = frozenset(done), -1, Load()
    there = 0  # tokens that stand before the next prefix's own
    for group in plan.groups:
        n_prefix, own = len(group.prefix_tokens), Load()
        for batch in group.batches:
            position += 1
            if position not in stored:
                own += of_rows(n_prefix, batch.n_tokens, n_ubatch, leave=leave)
        if own.tokens:
            load += own + of_rows(there, n_prefix - there, n_ubatch)
            there = plan.n_common
    return load


def fitted(measured: Sequence[tuple[Load, float]]) -> Speed:
    """The speed from which the measured seconds differ least, as shares of themselves."""
    from scipy.optimize import nnls

    depths = [load.depth for load, _ in measured]
    if max(depths) <= _SAME_DEPTH * min(depths):
        return Speed(sum(s for _, s in measured) / sum(load.tokens for load, _ in measured))
    rows = [[load.tokens / seconds, load.cells / seconds] for load, seconds in measured]
    (per_token, per_cell), _ = nnls(rows, [1.0] * len(rows))
    return Speed(float(per_token), float(per_cell))
