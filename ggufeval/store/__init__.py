"""All results in one SQLite file. Callers need `Store` alone."""

from ggufeval.store.repeats import is_repeat
from ggufeval.store.results import Store

__all__ = ["Store", "is_repeat"]
