"""All results in one SQLite file. Callers need `Store` alone."""

from ggufeval.store.results import Store

__all__ = ["Store"]
