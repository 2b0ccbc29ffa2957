"""Real weights for the tests: SmolLM2-135M-Instruct, fetched once into the user's cache."""

from __future__ import annotations

import os
import random
import re
import sqlite3
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hub_stand_in import HubStandIn
from hypothesis import settings

from ggufeval import runner, tasks
from ggufeval.catalog.files import file_sha256
from ggufeval.catalog.resolve import resolve
from ggufeval.llama.client import ModelProcess
from ggufeval.store import Store
from ggufeval.types import LETTERS, Question, QuestionSet

# A busy machine is not a bug: the first call of scipy alone may pass hypothesis' 200 ms.
settings.register_profile("ggufeval", deadline=None)
settings.load_profile("ggufeval")

# Tests run side by side: a thread that waits for its next piece of work must not burn a core.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The file as it is distributed, Q4_1."""
    (source,) = resolve("smollm2-135m-instruct").sources
    return source.path


def levels_of(source: Path, folder: Path) -> Callable[[str], Path]:
    """Quantization -> a file at that level, made once."""

    def make(quantization: str) -> Path:
        target = folder / f"SmolLM2-135M-Instruct-{quantization}.gguf"
        if not target.exists():
            with ModelProcess() as process:
                process.quantize([source], target, quantization, runner.physical_cores())
        return target

    return make


def files_at(path: Path) -> runner.ModelFiles:
    return runner.ModelFiles((path,), file_sha256(path))


@pytest.fixture(scope="session")
def made(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Quantization -> a file at that level, made from SmolLM2."""
    return levels_of(smollm2, tmp_path_factory.mktemp("levels"))


@pytest.fixture(scope="session")
def f16(made: Callable[[str], Path]) -> runner.ModelFiles:
    return files_at(made("F16"))


@pytest.fixture(scope="session")
def q4_0(made: Callable[[str], Path]) -> runner.ModelFiles:
    return files_at(made("Q4_0"))


N_SMALL = 6
"""Layers of 30."""


@pytest.fixture(scope="session")
def small(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """As `made`, from SmolLM2's first layers alone: less to compute where the way of a run is what
    is held, and not what a model answers."""
    import gguf

    folder = tmp_path_factory.mktemp("small")
    source = folder / smollm2.name
    reader = gguf.GGUFReader(smollm2)
    writer = gguf.GGUFWriter(source, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        value = N_SMALL if field.name == "llama.block_count" else field.contents()
        inner = field.types[-1] if len(field.types) > 1 else None
        writer.add_key_value(field.name, value, field.types[0], inner)
    for tensor in reader.tensors:
        layer = re.match(r"blk\.(\d+)\.", tensor.name)
        if not layer or int(layer[1]) < N_SMALL:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return levels_of(source, folder)


@pytest.fixture(scope="session")
def small_f16(small: Callable[[str], Path]) -> runner.ModelFiles:
    return files_at(small("F16"))


@pytest.fixture(scope="session")
def small_q4_0(small: Callable[[str], Path]) -> runner.ModelFiles:
    return files_at(small("Q4_0"))


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
def stored_database(q4_0: runner.ModelFiles, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A results database, in one file, of a finished run and of one that is half done."""
    path = tmp_path_factory.mktemp("stored") / "r.sqlite"
    subjects = ("anatomy", "astronomy")
    questions = tasks.load("sample", None, subjects=subjects, limit=8, shots=0)
    with Store.open(path) as store:
        runner.evaluate(q4_0, questions, store, runner.Options(shots=0))
        options = runner.Options(shots=0, n_batch=256)
        with runner.opened(q4_0, questions, store, options) as session:
            session.advance(1)
            assert session.plan.n_batches > 1
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    return path.read_bytes()


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


@pytest.fixture
def hub_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStandIn]:
    """A stand-in for the hub, over an empty folder."""
    with HubStandIn(tmp_path_factory.mktemp("hub")) as server:
        yield server


@pytest.fixture
def hub(hub_server: HubStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> HubStandIn:
    """The stand-in, asked by this process, whose caches are empty and who does not wait between
    attempts."""
    from huggingface_hub import constants, file_download
    from huggingface_hub.utils import _http

    from ggufeval.catalog import download, hub

    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for name, value in {
        # The client has read its variables already.
        "ENDPOINT": hub_server.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub_server.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(tmp_path / "hf" / "hub"),
        "HF_TOKEN_PATH": str(tmp_path / "hf" / "token"),
        "HF_HUB_DISABLE_TELEMETRY": True,
        "HF_HUB_OFFLINE": False,
        "DOWNLOAD_CHUNK_SIZE": constants.DOWNLOAD_CHUNK_SIZE,  # which our code changes
    }.items():
        monkeypatch.setattr(constants, name, value)
    for module in (file_download, _http):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(hub, "_PIECE", 1000)
    monkeypatch.setattr(download, "_PATIENCE_SECONDS", 0)
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0)
    return hub_server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that does not answer is given up at once."""
    from huggingface_hub import constants

    from ggufeval.catalog import hub

    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    monkeypatch.setattr(hub, "_LIST_SECONDS", 0.3)
    monkeypatch.setattr(hub, "_NEAR_SECONDS", 0.3)


@pytest.fixture
def publish(hub_server: HubStandIn) -> Callable[..., dict[str, bytes]]:
    """Puts files on the stand-in that begin as a GGUF does; no two have the same content."""

    def put(repository: str, *names: str, size: int = 100_000) -> dict[str, bytes]:
        contents = {}
        for name in names:
            path = hub_server.folder / "models" / repository / name
            path.parent.mkdir(parents=True, exist_ok=True)
            head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
            more = random.Random(str(path)).randbytes(size - len(head))  # noqa: S311 - no secret
            path.write_bytes(head + more)
            contents[name] = head + more
        return contents

    return put


@pytest.fixture(scope="session")
def llama3_vocabulary() -> Path:
    """Llama 3's 128,256 tokens, no weights; fetched once into the user's cache."""
    import llama3_files

    return llama3_files.folder() / llama3_files.VOCABULARY


@pytest.fixture(scope="session")
def llama3_template() -> str:
    """LLaMA 3.2's chat template."""
    import llama3_files

    return (llama3_files.folder() / llama3_files.TEMPLATE).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def llama3_tiny(
    llama3_vocabulary: Path, llama3_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A small model of random weights with Llama 3's vocabulary, F16, rows that fit K-quants."""
    import make_model

    path = tmp_path_factory.mktemp("llama3") / "Llama-3-Tiny-F16.gguf"
    make_model.write(path, make_model.SHAPES["tiny"], llama3_vocabulary, template=llama3_template)
    return path


@pytest.fixture(scope="session")
def meta_row() -> Callable[..., dict[str, Any]]:
    """A question as a row of Meta's evals data sets has it. The words are ours."""
    from ggufeval.prompts import meta

    def make(
        question: Question, shots: Sequence[Question] = (), answered: str | None = "A"
    ) -> dict[str, Any]:
        letters = LETTERS[: len(question.choices)]
        prompt = "".join(span.text for span in meta.raw(question, shots))
        return {
            "task_type": "Generative",
            "task_name": "mmlu_chat",
            "subtask_name": f"mmlu_chat.{question.subject}",
            "input_question": question.stem,
            "input_choice_list": dict(zip(letters, question.choices, strict=True)),
            "input_final_prompts": [prompt],
            "input_correct_responses": [f'"{letters[question.answer]}"'],
            "output_prediction_text": [f" {answered}." if answered else ""],
            "output_parsed_answer": answered,
            "is_correct": answered == letters[question.answer],
        }

    return make
