from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ggufeval.errors import ModelError
from ggufeval.llama import capi
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.quantize import quantize


@pytest.fixture(scope="module")
def lossless(made, tmp_path_factory) -> Path:
    """An F16 file that does not say that it was made from a lossy one."""
    data = made("F16").read_bytes()
    for key in (b"ggufeval.quantized_from", b"ggufeval.requantized_from"):
        assert data.count(key) == 1
        data = data.replace(key, key[:-1] + b"?")
    path = tmp_path_factory.mktemp("lossless") / "lossless-F16.gguf"
    path.write_bytes(data)
    return path


def test_a_level_appears_under_its_name_alone(smollm2: Path, tmp_path: Path):
    target = tmp_path / "deep" / "small-Q8_0.gguf"
    steps = []
    with ModelProcess() as process:
        made = process.quantize(
            [smollm2], target, "Q8_0", 2, progress=lambda *step: steps.append(step)
        )
        assert made == target
        assert process.info([target]).quantization == "Q8_0"
    assert [path.name for path in target.parent.iterdir()] == ["small-Q8_0.gguf"]
    assert steps == [(done, 272) for done in range(272)]


def test_the_size_of_a_level_is_known_before_it_is_made(smollm2: Path, made):
    with ModelProcess() as process:
        size = process.quantized_size([smollm2], "F16")
    assert size == pytest.approx(made("F16").stat().st_size, rel=0.001)


def test_what_needs_an_importance_matrix_is_known_before_too(smollm2: Path):
    with ModelProcess() as process, pytest.raises(ModelError, match=r"IQ1_S: .* importance matrix"):
        process.quantized_size([smollm2], "IQ1_S")


def test_an_architecture_that_llama_cpp_does_not_know_leaves_nothing(of_architecture, tmp_path):
    target = tmp_path / "out" / "level.gguf"
    with ModelProcess() as process, pytest.raises(ModelError, match=r"architecture 'lapma'\. Upg"):
        process.quantize([of_architecture("lapma")], target, "Q8_0", 2)
    assert list(target.parent.iterdir()) == []


def test_a_type_that_llama_cpp_refuses_leaves_nothing(smollm2: Path, tmp_path: Path):
    target = tmp_path / "out" / "level.gguf"
    with (
        ModelProcess() as process,
        pytest.raises(ModelError, match=r"cannot be made IQ1_S: .*matr"),
    ):
        process.quantize([smollm2], target, "IQ1_S", 2)
    assert list(target.parent.iterdir()) == []


def test_a_level_says_what_it_was_made_from(lossless: Path, tmp_path: Path):
    with ModelProcess() as process:
        info = process.info([process.quantize([lossless], tmp_path / "q8.gguf", "Q8_0", 2)])
    assert info.quantized_from == "F16"
    assert info.requantized_from == ""


def test_the_matrix_of_a_source_is_not_that_of_the_level(with_metadata, tmp_path: Path):
    source = with_metadata({"quantize.imatrix.file": "imatrix.dat"})
    with ModelProcess() as process:
        assert process.info([source]).imatrix == "imatrix.dat"
        level = process.quantize([source], tmp_path / "level.gguf", "Q8_0", 2)
        assert process.info([level]).imatrix == ""


def test_the_origin_of_a_level_of_a_level_is_kept(made, tmp_path: Path):
    with ModelProcess() as process:
        again = process.quantize([made("F16")], tmp_path / "again.gguf", "Q8_0", 2)
        info = process.info([again])
    assert (info.quantized_from, info.requantized_from) == ("F16", "Q4_1")


def test_what_a_killed_process_left_is_removed(smollm2: Path, tmp_path: Path):
    target = tmp_path / "small.gguf"
    left = tmp_path / ".small.gguf.4000000.part"  # above the greatest pid that Linux gives
    ours = tmp_path / f".small.gguf.{os.getpid()}.part"
    for half in (left, ours):
        half.write_bytes(b"half")
    with ModelProcess() as process:
        process.quantize([smollm2], target, "Q8_0", 2)
    assert sorted(tmp_path.iterdir()) == sorted([ours, target])


# --- the disk ---


@pytest.fixture
def short_of_room(monkeypatch):
    """The quantizer, here, on a disk with so many bytes."""
    capi.start()

    def make(free: int, smollm2: Path, target: Path) -> str:
        usage = shutil.disk_usage(target.parent.parent)._replace(free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(ModelError) as caught:
            quantize([smollm2], target, "Q8_0", 2)
        return str(caught.value)

    return make


def test_no_room_is_said_before_the_work(short_of_room, smollm2: Path, tmp_path: Path):
    target = tmp_path / "out" / "level.gguf"
    message = short_of_room(50_000_000, smollm2, target)
    assert message.startswith(f"{target}: cannot be written: there is no room for it")
    assert "(0.05 GB free; the level needs about 0.14 GB)" in message
    assert message.endswith("Make room, or set GGUFEVAL_CACHE to a folder on another disk.")
    assert list(target.parent.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on a file's size")
def test_a_disk_that_fills_up_on_the_way_leaves_no_half_file(smollm2: Path, tmp_path: Path):
    target = tmp_path / "out" / "level.gguf"
    # A limit on a file's size meets a writer as a full disk does: by a write that falls short.
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(smollm2), str(target)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"{target}: cannot be written: writing failed on the way (")
    assert "the level needs about 0.14 GB). Make room" in done.stdout
    assert list(target.parent.iterdir()) == []


LIMITED = """
import resource, signal, sys
from pathlib import Path
from ggufeval.errors import ModelError
from ggufeval.llama import capi
from ggufeval.llama.quantize import quantize
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000_000, 50_000_000))
capi.start()
try:
    quantize([Path(sys.argv[1])], Path(sys.argv[2]), "Q8_0", 2)
except ModelError as error:
    print(error)
"""


def test_a_folder_that_cannot_be_made(smollm2: Path, tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    target = tmp_path / "file" / "level.gguf"
    with (
        ModelProcess() as process,
        pytest.raises(ModelError, match="cannot be written: File exists"),
    ):
        process.quantize([smollm2], target, "Q8_0", 2)
