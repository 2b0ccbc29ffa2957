"""Statistics: records in, `Score`, `Comparison` and `Ladder` out. See `docs/methodology.md`."""

from ggufeval.stats.comparison import compare
from ggufeval.stats.ladder import ladder, rung_result
from ggufeval.stats.scores import score

__all__ = ["compare", "ladder", "rung_result", "score"]
