"""What a model's process prints, for the sentence about its death."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import reduction
from typing import Any


class Log:
    """A file without a name, so that nothing is left of it whoever is killed: the process inherits
    it. On Windows it has one, and the system removes it when nobody has it open any more.

    In the process that it is passed to it arrives as a file descriptor, open for writing.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="ggufeval-", suffix=".log")  # noqa: SIM115

    def __reduce__(self) -> tuple[Callable[..., int], tuple[Any, ...]]:
        if sys.platform == "win32":
            return os.open, (self._file.name, os.O_WRONLY | os.O_TEMPORARY)
        return _inherited, (reduction.DupFd(self._file.fileno()),)

    def read(self) -> str:
        """What has been printed, once the process is no more: the two share one place in it."""
        self._file.seek(0)
        return self._file.read().decode(errors="replace")

    def close(self) -> None:
        self._file.close()


def _inherited(descriptor: Any) -> int:  # noqa: ANN401 - multiprocessing's, of no public type
    taken: int = descriptor.detach()
    return taken
