"""Every error that a user can cause or meet. A leaf: imports nothing of ours.

The message of each is one sentence or two: what was expected, what was found, what to do.
The command line prints it after `Error:` and leaves with `exit_code`.
"""


class GgufevalError(Exception):
    """The root: whatever we raise on purpose."""

    exit_code = 2
    """Wrong usage or bad input."""


class UsageError(GgufevalError):
    """Options that contradict one another, or a name that does not exist."""


class DataError(GgufevalError):
    """Questions that cannot be read, or that are not what they should be."""


class PromptError(GgufevalError):
    """A prompt style or a chat template that cannot make the prompt."""


class UnsuitableError(PromptError):
    """A prompt style that a model cannot have, whatever the question. Another one may do."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{reason}. {advice}")
        self.reason = reason
        self.advice = advice

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        """It crosses from a model's process to ours."""
        return type(self), (self.reason, self.advice)


class ModelError(GgufevalError):
    """A model file that is missing, broken, or that llama.cpp refuses."""


class UnavailableError(ModelError):
    """A repository that is not there, or not for this user. Another one may be."""


class UnprotectedError(ModelError):
    """A hub that redirects to an address without https."""


class UnreachableError(ModelError):
    """A hub that does not answer, or not now."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{reason}. {advice}")
        self.reason = reason


class ContextError(GgufevalError):
    """A prompt that does not fit into the context. Nothing is ever truncated."""


class StoreError(GgufevalError):
    """A results database that cannot be read or written."""


class ComparisonError(GgufevalError):
    """Runs that must not be compared."""


class WorkerError(GgufevalError):
    """The process that held the model died, or llama.cpp failed inside it."""
