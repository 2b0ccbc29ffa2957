"""A stand-in for the hub, and MMLU in small: two subjects, three questions, ten dev rows."""

import csv
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

REVISION = "c30699e8356da336a370243923dbaf21066bb9fe"
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


class Hub(ThreadingHTTPServer):
    """Serves a folder as the data set cais/mmlu, and remembers what was asked of it."""

    daemon_threads = True

    def __init__(self, folder: Path, status: int = 200):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.status = folder, status
        self.requests: list[str] = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self):
        self.server.requests.append(f"{self.command} {self.path}")
        if self.server.status != 200:
            self.reply(self.server.status, b"")
        elif self.path == f"/api/datasets/cais/mmlu/revision/{REVISION}":
            self.reply(200, json.dumps({"id": "cais/mmlu", "sha": REVISION}).encode())
        elif match := re.fullmatch(f"/datasets/cais/mmlu/resolve/{REVISION}/(.+)", self.path):
            self.reply_file(self.server.folder / match[1])
        else:
            self.reply(404, b"")

    do_GET = do_HEAD  # noqa: N815

    def reply_file(self, path):
        if path.is_file():
            self.reply(200, path.read_bytes())
        else:
            self.reply(404, b"", {"X-Error-Code": "EntryNotFound"})

    def reply(self, status, body, headers=None):
        self.send_response(status)
        etag = hashlib.sha256(body).hexdigest()
        about = {"ETag": f'"{etag}"', "X-Repo-Commit": REVISION, "Content-Length": str(len(body))}
        for name, value in (about | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(parquet_mmlu):
    with Hub(parquet_mmlu) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
