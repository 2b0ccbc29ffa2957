"""What a GGUF quantization costs, measured question by question.

    import ggufeval

    questions = ggufeval.load_questions(data="mmlu", limit=570)
    ggufeval.evaluate(["model-Q8_0.gguf", "model-Q2_K.gguf"], questions)
    print(ggufeval.compare())
    records = ggufeval.load().records

`docs/api.md` describes what is here; the rest of the package may change.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ggufeval.api import (
        Compared,
        Options,
        Outcome,
        Results,
        compare,
        evaluate,
        load,
        load_questions,
    )
    from ggufeval.errors import GgufevalError

__all__ = [
    "DEFAULT_DB",
    "Compared",
    "GgufevalError",
    "Options",
    "Outcome",
    "Results",
    "__version__",
    "compare",
    "evaluate",
    "load",
    "load_questions",
]
__version__ = "0.1.0"

DEFAULT_DB = Path("results/ggufeval.sqlite")
"""Where results go and come from, if not said otherwise."""


def __getattr__(name: str) -> object:
    """What `__all__` names is imported when it is asked for: `ggufeval --help` must not wait."""
    if name in __all__:
        home = "ggufeval.errors" if name == "GgufevalError" else "ggufeval.api"
        return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
