"""Statistics: records in, `Score` and `Comparison` out. See `docs/methodology.md`."""

from ggufeval.stats.comparison import compare
from ggufeval.stats.scores import score

__all__ = ["compare", "score"]
