"""MMLU in small: two subjects, three questions, ten dev rows."""

import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

FEATURES = pa.schema(
    [
        ("question", pa.string()),
        ("subject", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("answer", pa.int64()),
    ]
)
TEST = [
    {"question": " Two?\n", "subject": "anatomy", "choices": ["1", " 2", "3", "4"], "answer": 1},
    {"question": "É,\r\n“x”?", "subject": "anatomy", "choices": ["a", "b", "c", "d"], "answer": 3},
    {"question": "Sun?", "subject": "astronomy", "choices": ["star", "b", "b", "d"], "answer": 0},
]
DEV = [
    {"question": f"Dev {row}?", "subject": subject, "choices": ["a", "b", "c", "d"], "answer": 2}
    for subject in ("anatomy", "astronomy")
    for row in range(5)
]


def write_parquet(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=FEATURES), path)


@pytest.fixture
def write():
    """Writes rows of MMLU as parquet, folders and all."""
    return write_parquet


@pytest.fixture
def parquet_mmlu(tmp_path):
    """A folder as `cais/mmlu` has it on the hub."""
    folder = tmp_path / "mmlu"
    write_parquet(folder / "all" / "test-00000-of-00001.parquet", TEST)
    write_parquet(folder / "all" / "dev-00000-of-00001.parquet", DEV)
    write_parquet(folder / "all" / "auxiliary_train-00000-of-00001.parquet", DEV)
    return folder


@pytest.fixture
def csv_mmlu(tmp_path):
    """The same questions in the original layout, as Python's csv module writes them."""
    folder = tmp_path / "data"
    for split, rows in (("test", TEST), ("dev", DEV)):
        (folder / split).mkdir(parents=True)
        for subject in ("anatomy", "astronomy"):
            path = folder / split / f"{subject}_{split}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(
                    [row["question"], *row["choices"], "ABCD"[row["answer"]]]
                    for row in rows
                    if row["subject"] == subject
                )
    return folder


@pytest.fixture
def hub(hub_server, parquet_mmlu):
    """A stand-in for the hub that has this MMLU."""
    folder = hub_server.folder / "datasets" / "cais" / "mmlu"
    folder.parent.mkdir(parents=True)
    parquet_mmlu.rename(folder)
    return hub_server
