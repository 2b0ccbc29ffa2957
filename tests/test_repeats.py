"""Which two runs of a file tell its flip floor, and on which questions."""

from dataclasses import replace

import pytest

from ggufeval.store import Store
from ggufeval.types import (
    BuildInfo,
    Design,
    EngineSettings,
    Fingerprint,
    ModelInfo,
    Question,
    Record,
    Run,
    RunStatus,
)

ENGINE = EngineSettings(4096, 2048, 512, 64, 2, 0, "on")
QUESTIONS = tuple(Question(f"q/{i}", "law", f"Which {i}?", ("a", "b"), 0) for i in range(8))
RUN = Run(
    "", ModelInfo("Tiny", "m.gguf", "m", 4, "llama", 1, "F16", {}, 16.0, 1.0),
    Fingerprint(
        "m", "plan", "questions", "mmlu", 0, "letter", "g", ENGINE,
        BuildInfo("0.3.36", "", "libraries", "AVX2", ("CPU",)),
    ),
    "mmlu", "s", Design.FULL, {"law": 8}, 8, 2, RunStatus.RUNNING, "", 0, 0, 0.0, 0, "",
)  # fmt: skip
SMALLER = replace(ENGINE, n_batch=512, n_ctx=1024, n_seq_max=8)


def record(question, letter, n_tokens=10):
    return Record("", question.id, 0, letter, letter == question.answer, (0.0, 0.0), 1.0, 0.9, 0.5,
                  1, 0.0, n_tokens)  # fmt: skip


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "r.sqlite") as opened:
        yield opened


@pytest.fixture
def put(store):
    """Stores a run: `batches` are the letters given, a word a batch, in the questions' order."""

    def call(batches, questions=QUESTIONS, n_tokens=10, **changes):
        run = {name: changes.pop(name) for name in ("source", "task") if name in changes}
        fingerprint = replace(RUN.fingerprint, **changes)
        model = replace(RUN.model, sha256=fingerprint.model_sha256)
        run_id = store.begin(replace(RUN, model=model, fingerprint=fingerprint, **run), questions)
        left = iter(questions)
        for position, letters in enumerate(batches.split()):
            records = [record(next(left), "AB".index(letter), n_tokens) for letter in letters]
            store.add_batch(run_id, position, "c", records, n_tokens=1, seconds=1.0)
        return store.result(run_id)

    return call


TURNED = QUESTIONS[::-1]
AGAIN = {"plan_hash": "other", "questions_sha256": "turned", "engine": SMALLER}


def test_another_plan_of_the_same_file(store, put):
    run = put("AAAA AAAA")
    assert store.repeat(run) is None
    other = put("AAA ABBA A", TURNED, **AGAIN)
    found = store.repeat(run)
    assert (found.run_id, found.n_common) == (other.run.id, 8)
    # The other run has 765 4321 0; 0 and 4 are first in both.
    assert [one.question_id for one, _ in found.pairs] == [f"q/{i}" for i in (1, 2, 3, 5, 6, 7)]
    assert [two.letter for _, two in found.pairs] == [0, 1, 1, 0, 0, 0]
    assert [one.letter for one, _ in store.repeat(other).pairs] == [0, 0, 0, 1, 1, 0]


@pytest.mark.parametrize(
    "changes",
    [
        {"model_sha256": "another"},
        {"shots": 5},
        {"prompt_style": "chat"},
        {"engine": replace(SMALLER, n_threads=1)},
        {"engine": replace(SMALLER, type_k="q8_0")},
        {"build": replace(RUN.fingerprint.build, system_info="AVX512")},
        {"plan_hash": "plan"},
        {"source": "elsewhere"},
        {"n_tokens": 11},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_else_differs_is_no_repeat(store, put, changes):
    run = put("AAAA AAAA")
    put("AAA ABBA A", TURNED, **(AGAIN | changes))
    assert store.repeat(run) is None


def test_a_question_behind_the_same_others_tells_nothing(store, put):
    run = put("AAAA AAAA")
    put("AAAA BBB B", plan_hash="other")
    found = store.repeat(run)
    assert [r.question_id for r, _ in found.pairs] == ["q/7"]
    assert found.n_common == 8


def test_nor_does_one_that_is_first_twice(store, put):
    """Of the first batch's questions in another order only the second is first again."""
    run = put("AA AAAAAA")
    turned = (QUESTIONS[2], QUESTIONS[1], QUESTIONS[0])
    put("AAA", turned, plan_hash="other", questions_sha256="turned")
    assert [r.question_id for r, _ in store.repeat(run).pairs] == ["q/0", "q/1"]


def test_a_subset_counts_where_the_questions_are_the_same(store, put):
    run = put("AAAA AAAA")
    other = replace(QUESTIONS[5], stem="Which other?")
    some = (QUESTIONS[1], other, QUESTIONS[6])
    put("BBA", some, plan_hash="other", questions_sha256="some")
    assert [r.question_id for r, _ in store.repeat(run).pairs] == ["q/1", "q/6"]


def test_the_one_with_most_questions_is_taken(store, put):
    run = put("AAAA AAAA")
    few = put("AAA", TURNED, **AGAIN)
    assert store.repeat(run).run_id == few.run.id
    # As many are recorded, under other questions.
    changed = tuple(replace(question, choices=("x", "y")) for question in TURNED)
    put("AAAAAAAA", changed, plan_hash="changed", questions_sha256="changed")
    assert store.repeat(run).run_id == few.run.id
    more = put("AAAAA", TURNED, **(AGAIN | {"plan_hash": "more"}))
    assert store.repeat(run).run_id == more.run.id
