"""The public functions, which the command line uses too. `docs/api.md` describes them."""

from ggufeval.api.choice import choose, choose_reference, find_reference
from ggufeval.api.comparing import Compared, compare, compared
from ggufeval.api.evaluating import evaluate, evaluated, load_questions, written_out
from ggufeval.api.files import report_format, write
from ggufeval.api.loading import Results, load
from ggufeval.runner import Options
from ggufeval.sweep import Outcome

__all__ = [
    "Compared",
    "Options",
    "Outcome",
    "Results",
    "choose",
    "choose_reference",
    "compare",
    "compared",
    "evaluate",
    "evaluated",
    "find_reference",
    "load",
    "load_questions",
    "report_format",
    "write",
    "written_out",
]
