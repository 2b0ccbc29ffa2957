"""The questions that travel inside the package: for a first try, without a network."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from ggufeval.errors import UsageError
from ggufeval.tasks import layout
from ggufeval.tasks.source import Source, Task


def load(data: Path | None, *, offline: bool) -> Source:  # noqa: ARG001 - it always is
    if data is not None:
        raise UsageError("--task sample has its questions inside and takes no --data. Drop one.")
    folder = resources.files("ggufeval.tasks").joinpath("sample")
    tests = layout.read(folder, "sample", "test")
    questions = tuple(question for subject in tests.values() for question in subject)
    return Source("sample", "embedded", questions, layout.read(folder, "sample", "dev"))


TASK = Task("sample", "the embedded questions, in MMLU's manner, for a first try", load)
