"""Real weights for the tests: SmolLM2-135M-Instruct, fetched once into the user's cache."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from ggufeval import runner, tasks
from ggufeval.catalog.files import file_sha256
from ggufeval.catalog.resolve import resolve
from ggufeval.llama.client import ModelProcess
from ggufeval.types import QuestionSet

# A busy machine is not a bug: the first call of scipy alone may pass hypothesis' 200 ms.
settings.register_profile("ggufeval", deadline=None)
settings.load_profile("ggufeval")


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The file as it is distributed, Q4_1."""
    (source,) = resolve("smollm2-135m-instruct")
    return source.path


@pytest.fixture(scope="session")
def made(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Quantization -> a file at that level, made from SmolLM2 once a session."""
    folder = tmp_path_factory.mktemp("levels")

    def make(quantization: str) -> Path:
        target = folder / f"SmolLM2-135M-Instruct-{quantization}.gguf"
        if not target.exists():
            with ModelProcess() as process:
                process.quantize([smollm2], target, quantization, runner.physical_cores())
        return target

    return make


@pytest.fixture(scope="session")
def f16(made: Callable[[str], Path]) -> runner.ModelFiles:
    path = made("F16")
    return runner.ModelFiles((path,), file_sha256(path))


@pytest.fixture(scope="session")
def q4_0(made: Callable[[str], Path]) -> runner.ModelFiles:
    path = made("Q4_0")
    return runner.ModelFiles((path,), file_sha256(path))


@pytest.fixture(scope="session")
def few_questions() -> QuestionSet:
    """Two questions from each subject of the embedded set, one shot."""
    return tasks.load("sample", None, limit=32, shots=1)


@pytest.fixture(scope="session")
def vocabulary(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2's header with no tensors: magic, version, then the number of tensors."""
    data = bytearray(smollm2.read_bytes()[:8_000_000])
    data[8:16] = bytes(8)
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.gguf"
    path.write_bytes(data)
    return path


@pytest.fixture(scope="session")
def stored_batches() -> Callable[[Path], int]:
    """How many batches a database holds that another process is writing."""

    def count(database: Path) -> int:
        if not database.exists():
            return 0
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            try:
                (n,) = connection.execute("SELECT COUNT(*) FROM batches").fetchone()
            except sqlite3.OperationalError:  # the tables are not there yet
                return 0
        return int(n)

    return count
