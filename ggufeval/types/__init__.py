"""Every value that travels between the rooms of the house: frozen, slotted, standard library only.

Token ids, never text, cross from `plan` to `llama`; letters are indices into `Question.choices`
(0 is A). Probabilities are natural logarithms. Times are seconds, sizes bytes.
"""

from ggufeval.types.engine import (
    BuildInfo,
    EngineSettings,
    Fingerprint,
    ImportanceMatrix,
    Memory,
    ModelDetails,
    ModelInfo,
)
from ggufeval.types.ladder import Ladder, Rung, RungResult, StudyFigure
from ggufeval.types.plan import Batch, Continuation, Group, Item, Plan, TokenizedPrompt, Tokens
from ggufeval.types.prompts import AnswerForm, ChatTemplate, Prompt, RequiredTokens, Span
from ggufeval.types.questions import LETTERS, Design, Question, QuestionSet
from ggufeval.types.results import (
    ClozeScores,
    Generation,
    LetterScores,
    Reading,
    Record,
    Run,
    RunResult,
    RunStatus,
    Sampling,
    Stop,
)
from ggufeval.types.statistics import (
    Agreement,
    Candidate,
    Comparison,
    Difference,
    Divergence,
    Estimate,
    GroupScore,
    Judgement,
    Positions,
    PublishedScore,
    Replication,
    Score,
    Verdict,
)

__all__ = [
    "LETTERS",
    "Agreement",
    "AnswerForm",
    "Batch",
    "BuildInfo",
    "Candidate",
    "ChatTemplate",
    "ClozeScores",
    "Comparison",
    "Continuation",
    "Design",
    "Difference",
    "Divergence",
    "EngineSettings",
    "Estimate",
    "Fingerprint",
    "Generation",
    "Group",
    "GroupScore",
    "ImportanceMatrix",
    "Item",
    "Judgement",
    "Ladder",
    "LetterScores",
    "Memory",
    "ModelDetails",
    "ModelInfo",
    "Plan",
    "Positions",
    "Prompt",
    "PublishedScore",
    "Question",
    "QuestionSet",
    "Reading",
    "Record",
    "Replication",
    "RequiredTokens",
    "Run",
    "RunResult",
    "RunStatus",
    "Rung",
    "RungResult",
    "Sampling",
    "Score",
    "Span",
    "Stop",
    "StudyFigure",
    "TokenizedPrompt",
    "Tokens",
    "Verdict",
]
