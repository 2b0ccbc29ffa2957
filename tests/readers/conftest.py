"""Runs of SmolLM2 over the embedded questions, read in every way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ggufeval import runner
from ggufeval.store import Store
from ggufeval.types import QuestionSet, RunResult

Evaluate = Callable[..., RunResult]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("readers") / "results.sqlite") as store:
        yield store


@pytest.fixture(scope="session")
def evaluate(store: Store, q4_0: runner.ModelFiles, few_questions: QuestionSet) -> Evaluate:
    """The records of a run with these options; a finished one is found in the store."""

    def run(questions: QuestionSet = few_questions, **options: object) -> RunResult:
        chosen = runner.Options(shots=1, n_batch=512, n_ubatch=128, **options)  # type: ignore[arg-type]
        return store.result(runner.evaluate(q4_0, questions, store, chosen).id)

    return run
