"""A model's process may die, hang or be refused; ours goes on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from ggufeval.errors import ModelError, PromptError, WorkerError
from ggufeval.llama.client import ModelProcess
from ggufeval.types import ChatTemplate, Prompt


def endless(template: ChatTemplate | None) -> list[Prompt]:
    time.sleep(60)
    return []


def broken(template: ChatTemplate | None) -> list[Prompt]:
    raise ValueError("a defect")


def refused(template: ChatTemplate | None) -> list[Prompt]:
    raise PromptError("no such style")


def test_errors_of_ours_come_through_as_they_are(smollm2: Path):
    with ModelProcess() as process, pytest.raises(PromptError, match=r"^no such style$"):
        process.tokenize(smollm2, refused)


def test_the_process_survives_an_error(smollm2: Path):
    with ModelProcess() as process:
        with pytest.raises(WorkerError, match="ValueError: a defect"):
            process.tokenize(smollm2, broken)
        assert process.info([smollm2]).quantization == "Q4_1"


def test_a_template_that_does_not_end_is_given_up(smollm2: Path):
    with (
        ModelProcess() as process,
        pytest.raises(PromptError, match="not finish within 1 sec"),
    ):
        process.tokenize(smollm2, endless, timeout=1.0)


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (signal.SIGABRT, ModelError, "llama.cpp aborted on this model"),
        (signal.SIGKILL, WorkerError, "most likely for want of memory"),
        (signal.SIGSEGV, WorkerError, "died"),
    ],
)
def test_a_death_is_told_in_a_sentence(smollm2: Path, number, error, message):
    with ModelProcess() as process:
        process.machine()
        assert process._process.pid is not None
        os.kill(process._process.pid, number)
        with pytest.raises(error, match=message):
            process.info([smollm2])


def test_leaving_ends_the_process_and_its_log(smollm2: Path):
    with ModelProcess() as process:
        process.machine()
        log, pid = process._log, process._process.pid
        assert log.exists()
    assert not log.exists()
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_file_that_llama_cpp_refuses_is_a_model_error(tmp_path: Path):
    path = tmp_path / "noise.gguf"
    path.write_bytes(b"GGUF" + bytes(1000))
    with ModelProcess() as process, pytest.raises(ModelError, match=r"noise\.gguf"):
        process.info([path])


def test_this_build_tells_what_it_is():
    with ModelProcess() as process:
        machine = process.machine()
        types = process.quantization_types()
    assert machine.build.llama_cpp_python
    assert len(machine.build.libraries_sha256) == 64
    assert any(device.startswith("CPU") for device in machine.build.devices)
    assert types["Q4_K_M"] == 15
    assert types["F16"] == 1
