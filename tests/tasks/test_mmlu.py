import pytest

from ggufeval import tasks
from ggufeval.errors import DataError, UsageError
from ggufeval.tasks import mmlu
from ggufeval.types import Question

QUESTIONS = (
    Question("mmlu/test/anatomy/0", "anatomy", " Two?\n", ("1", " 2", "3", "4"), 1),
    Question("mmlu/test/anatomy/1", "anatomy", "É,\r\n“x”?", ("a", "b", "c", "d"), 3),
    Question("mmlu/test/astronomy/0", "astronomy", "Sun?", ("star", "b", "b", "d"), 0),
)
ROW = {"question": "?", "subject": "law", "choices": ["a", "b", "c", "d"], "answer": 2}


def load(folder):
    return mmlu.load(folder, offline=True)


@pytest.mark.parametrize("inside", ["", "all"])
def test_parquet_as_on_the_hub(parquet_mmlu, inside):
    source = load(parquet_mmlu / inside)

    assert source.task == "mmlu"
    assert source.text == str(parquet_mmlu / inside)
    assert source.questions == QUESTIONS
    assert {subject: [dev.id for dev in group] for subject, group in source.shots.items()} == {
        "anatomy": [f"mmlu/dev/anatomy/{row}" for row in range(5)],
        "astronomy": [f"mmlu/dev/astronomy/{row}" for row in range(5)],
    }


def test_the_original_layout_gives_the_same(parquet_mmlu, csv_mmlu):
    parquet, layout = load(parquet_mmlu), load(csv_mmlu)
    assert layout.questions == parquet.questions == QUESTIONS
    assert layout.shots == parquet.shots


def test_deviating_counts_are_told(parquet_mmlu):
    assert load(parquet_mmlu).notes == (
        f"MMLU has 14,042 test questions, {parquet_mmlu} has 3.",
        f"MMLU has 285 dev questions, {parquet_mmlu} has 10.",
        f"MMLU has 57 subjects, {parquet_mmlu} has 2.",
    )


def test_nothing_is_told_of_the_published_counts(tmp_path, write):
    subjects = [f"subject_{n:02}" for n in range(57)]
    test = [ROW | {"subject": subjects[n % 57]} for n in range(14_042)]
    dev = [ROW | {"subject": subject} for subject in subjects for _ in range(5)]
    write(tmp_path / "test-00000-of-00001.parquet", test)
    write(tmp_path / "dev-00000-of-00001.parquet", dev)

    assert load(tmp_path).notes == ()


def test_parts_are_read_in_order(tmp_path, write):
    write(tmp_path / "test-old-of-mine.parquet", [ROW])
    write(tmp_path / "test-00001-of-00002.parquet", [ROW | {"question": "second?"}])
    write(tmp_path / "test-00000-of-00002.parquet", [ROW | {"question": "first?"}])

    source = load(tmp_path)

    assert [(q.id, q.stem) for q in source.questions] == [
        ("mmlu/test/law/0", "first?"),
        ("mmlu/test/law/1", "second?"),
    ]
    assert source.shots == {}


def test_a_missing_part(tmp_path, write):
    write(tmp_path / "all" / "test-00000-of-00002.parquet", [ROW])
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'all'}: expected all parts of the split test, found 1 "
        "(test-00000-of-00002.parquet, ...). Download it again."
    )


def test_a_row_that_is_not_a_question(tmp_path, write):
    path = tmp_path / "test-00000-of-00001.parquet"
    write(path, [ROW, ROW | {"answer": 4}])
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{path}, row 1: expected a letter from A to D or a number from 0 to 3 in the column "
        "answer, found 4."
    )


def test_a_row_without_subject(tmp_path, write):
    write(tmp_path / "test-00000-of-00001.parquet", [ROW | {"subject": None}])
    with pytest.raises(DataError, match="row 0: expected text for the subject, found None"):
        load(tmp_path)


def test_no_questions_at_all(tmp_path, write):
    write(tmp_path / "test-00000-of-00001.parquet", [])
    with pytest.raises(DataError, match="holds no test questions"):
        load(tmp_path)


def test_another_folder(tmp_path):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "more").mkdir()
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is not MMLU: expected all/test-00000-of-00001.parquet as in cais/mmlu, or "
        "test/<subject>_test.csv as in the original, found more, notes.txt."
    )


def test_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match="found nothing"):
        load(tmp_path)


def test_a_file(tmp_path):
    path = tmp_path / "own.csv"
    path.touch()
    with pytest.raises(UsageError) as caught:
        tasks.load("mmlu", path)
    assert str(caught.value) == (
        f"--task mmlu reads a folder, found the file {path}. "
        "Leave out --task to have your own questions."
    )
