"""A model's process may die, hang or be refused; ours goes on."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
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


def loud(template: ChatTemplate | None) -> list[Prompt]:
    os.write(2, b"GGML_ASSERT(n > 0) failed\nand more\n")
    os.abort()


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
        (signal.SIGILL, WorkerError, "built for another processor"),
        (signal.SIGALRM, WorkerError, "more than 20 seconds over the grammar"),
    ],
)
def test_a_death_is_told_in_a_sentence(smollm2: Path, number, error, message):
    with ModelProcess() as process:
        process.machine()
        assert process._process.pid is not None
        os.kill(process._process.pid, number)
        with pytest.raises(error, match=message):
            process.info([smollm2])


def test_a_death_at_the_start_is_told_as_one(tmp_path: Path):
    # A script without a guard: its process would start the script once more, and Python refuses.
    script = tmp_path / "script.py"
    script.write_text(
        "from ggufeval.errors import WorkerError\n"
        "from ggufeval.llama.client import ModelProcess\n"
        "try:\n"
        "    ModelProcess().machine()\n"
        "except WorkerError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("the model's process ended at its start (exit status 1)")
    assert 'under `if __name__ == "__main__":`' in done.stdout


def test_no_process_to_be_had(monkeypatch):
    def refuse(_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(multiprocessing.get_context("spawn").Process, "start", refuse)
    with pytest.raises(WorkerError, match="cannot be started: Resource temporarily unavailable"):
        ModelProcess()


LIBGOMP = "libgomp.so.1: cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("raise ModuleNotFoundError('No module', name='llama_cpp')", "is not installed in "),
        ("import no_such_module", "cannot be loaded: No module named 'no_such_module'. Install"),
        (f"raise OSError({LIBGOMP!r})", f"cannot be loaded: {LIBGOMP}. Install the library"),
        (
            "raise RuntimeError('Failed to load\\nshared library')",
            "cannot be loaded: Failed to load shared library. Install the library that is missing",
        ),
    ],
)
def test_a_llama_cpp_that_does_not_load_is_one_sentence(
    smollm2: Path, tmp_path: Path, package, message
):
    (tmp_path / "llama_cpp").mkdir()
    (tmp_path / "llama_cpp" / "__init__.py").write_text(package)
    done = subprocess.run(
        [sys.executable, "-m", "ggufeval", "run", smollm2, "--task", "sample", "-q", "--db", "x"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: llama-cpp-python, which runs the models, ")
    assert message in line


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is the system's own figure")
def test_the_peak_is_the_processs_own_and_not_its_parents():
    ballast = b"x" * 400_000_000
    with ModelProcess() as process:
        process.machine()
        assert process.peak_rss() < len(ballast)


def test_an_architecture_that_this_llama_cpp_does_not_know(of_architecture):
    path = of_architecture("llamb")
    with ModelProcess() as process, pytest.raises(ModelError) as caught:
        process.tokenize(path, refused)
    assert str(caught.value) == (
        f"{path}: this llama.cpp (llama-cpp-python {version('llama_cpp_python')}) does not support "
        "the architecture 'llamb'. Upgrade llama-cpp-python, or choose another model."
    )


def test_leaving_ends_the_process():
    with ModelProcess() as process:
        process.machine()
        pid = process._process.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="there the file has a name, and the system's")
def test_what_it_prints_is_in_no_file_that_could_be_left(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with ModelProcess() as process:
        process.machine()
        assert list(tmp_path.iterdir()) == []


def test_what_it_printed_last_says_why_it_died(smollm2: Path):
    with ModelProcess() as process, pytest.raises(ModelError) as caught:
        process.tokenize(smollm2, loud)
    assert "aborted on this model: GGML_ASSERT(n > 0) failed. The file" in str(caught.value)


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
    assert types["Q4_K_M"] == 4.5
    assert types["F16"] == 16


def test_ggmls_variables_are_told_without_folders(monkeypatch):
    monkeypatch.setenv("GGML_SOMETHING", "1")
    monkeypatch.setenv("GGML_BACKEND_LIST", "/home/jane/lib/backend.so")
    monkeypatch.setenv("OTHER", "1")
    with ModelProcess() as process:
        found = process.machine().build.variables
    assert found == ("GGML_BACKEND_LIST=backend.so", "GGML_SOMETHING=1")
