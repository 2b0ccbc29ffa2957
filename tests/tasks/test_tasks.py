import os
import subprocess
import sys
from pathlib import Path

import pytest

from ggufeval import tasks
from ggufeval.errors import DataError, UsageError
from ggufeval.types import Design, Question, QuestionSet

KNOWN = "meta-rows, mmlu, sample"


def test_names():
    assert tasks.task_names() == ["meta-rows", "mmlu", "sample"]
    assert {name: task.name for name, task in tasks.tasks().items()} == {
        "meta-rows": "meta-rows",
        "mmlu": "mmlu",
        "sample": "sample",
    }
    assert all(task.description for task in tasks.tasks().values())


def test_a_new_task_is_one_new_file(tmp_path, monkeypatch):
    (tmp_path / "riddles.py").write_text(
        "from ggufeval.tasks.source import Source, Task\n"
        "from ggufeval.types import Question\n"
        "def load(data, *, offline):\n"
        "    question = Question('riddles/0', 'r', 'What?', ('a', 'b'), int(offline))\n"
        "    return Source('riddles', 'the Sphinx', (question,), {})\n"
        "TASK = Task('riddles', 'of the Sphinx', load)\n"
    )
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    try:
        assert tasks.task_names() == ["meta-rows", "mmlu", "riddles", "sample"]
        assert tasks.load("riddles", None, shots=0, offline=True) == QuestionSet(
            task="riddles",
            source="the Sphinx",
            questions=(Question("riddles/0", "r", "What?", ("a", "b"), 1),),
            shots={"r": ()},
            population={"r": 1},
            design=Design.FULL,
        )
    finally:
        sys.modules.pop("ggufeval.tasks.riddles", None)


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from ggufeval import tasks; tasks.load('sample', None, limit=16); "
        "print({'datasets', 'huggingface_hub', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert result.stdout == "set()\n"


def test_data_that_is_on_no_disk(tmp_path, monkeypatch):
    """A task may take a name for it; no other does."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    name = Path("meta-llama/Llama-3.2-3B-Instruct-evals")
    with pytest.raises(DataError, match=f"^{name} is not in the hub's cache"):
        tasks.load("meta-rows", name, offline=True)
    for task, data in ((None, name), ("mmlu", name), ("meta-rows", Path("rows/mine.parquet"))):
        with pytest.raises(UsageError, match=f"^--data {data} does not exist"):
            tasks.load(task, data, offline=True)


@pytest.mark.parametrize("task", [None, "mmlu"])
def test_a_folder(parquet_mmlu, task):
    questions = tasks.load(task, parquet_mmlu, shots=2)

    assert questions.task == "mmlu"
    assert questions.source == str(parquet_mmlu)
    assert [question.id for question in questions.questions] == [
        "mmlu/test/anatomy/0",
        "mmlu/test/anatomy/1",
        "mmlu/test/astronomy/0",
    ]
    assert {subject: len(group) for subject, group in questions.shots.items()} == {
        "anatomy": 2,
        "astronomy": 2,
    }
    assert questions.population == {"anatomy": 2, "astronomy": 1}
    assert questions.design is Design.FULL
    assert questions.seed is None
    assert len(questions.notes) == 3


def test_a_file(tmp_path):
    path = tmp_path / "quiz.jsonl"
    path.write_text('{"question": "?", "choices": ["a", "b"], "answer": "B"}\n')
    questions = tasks.load(None, path, shots=0)
    assert questions.task == "quiz"
    assert questions.questions == (Question("quiz/quiz/0", "quiz", "?", ("a", "b"), 1),)


def test_all_options_together(parquet_mmlu):
    questions = tasks.load(
        None, parquet_mmlu, subjects=["Anatomy"], limit=1, seed=3, shots=1, offline=True
    )
    assert len(questions.questions) == 1
    assert questions.population == {"anatomy": 2}
    assert questions.design is Design.STRATIFIED
    assert questions.seed == 3
    assert list(questions.shots) == ["anatomy"]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("mmul", "There is no task 'mmul'. Did you mean mmlu? Own questions go with --data FILE."),
        (
            "arc",
            f"There is no task 'arc'. There are {KNOWN}. Own questions go with --data FILE.",
        ),
        (
            "",
            f"There is no task ''. There are {KNOWN}. Own questions go with --data FILE.",
        ),
    ],
)
def test_unknown_tasks(task, message):
    with pytest.raises(UsageError) as caught:
        tasks.load(task, None)
    assert str(caught.value) == message


def test_a_path_that_does_not_exist(tmp_path):
    with pytest.raises(UsageError) as caught:
        tasks.load(None, tmp_path / "nowhere.csv")
    assert str(caught.value) == (
        f"--data {tmp_path / 'nowhere.csv'} does not exist: "
        "expected a file or a folder of questions."
    )


def test_options_are_checked_before_anything_is_fetched(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="--limit must be at least 1, found 0"):
        tasks.load(None, None, limit=0, offline=True)
    with pytest.raises(DataError, match="hub's cache"):
        tasks.load(None, None, limit=1, offline=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes nor devices there")
def test_a_pipe_or_a_device_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    for name in ("pipe.csv", "zero.csv"):
        with pytest.raises(UsageError, match=f"{name} is a pipe or a device: expected a file"):
            tasks.load(None, tmp_path / name)
