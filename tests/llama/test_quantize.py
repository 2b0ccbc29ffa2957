from __future__ import annotations

import os
from pathlib import Path

import pytest

from ggufeval.errors import ModelError
from ggufeval.llama.client import ModelProcess


def test_a_level_appears_under_its_name_alone(smollm2: Path, tmp_path: Path):
    target = tmp_path / "deep" / "small-Q8_0.gguf"
    with ModelProcess() as process:
        assert process.quantize([smollm2], target, "Q8_0", 2) == target
        assert process.info([target]).quantization == "Q8_0"
    assert [path.name for path in target.parent.iterdir()] == ["small-Q8_0.gguf"]


def test_a_source_that_llama_cpp_refuses_leaves_nothing(smollm2: Path, tmp_path: Path):
    broken = tmp_path / "broken.gguf"
    data = bytearray(smollm2.read_bytes())
    data[data.index(b"general.architecture") + 32 : data.index(b"general.architecture") + 37] = (
        b"lapma"
    )
    broken.write_bytes(data)
    target = tmp_path / "out" / "level.gguf"
    with ModelProcess() as process, pytest.raises(ModelError, match="cannot be made Q8_0"):
        process.quantize([broken], target, "Q8_0", 2)
    assert list(target.parent.iterdir()) == []


def test_the_origin_of_a_level_of_a_level_is_kept(made, tmp_path: Path):
    with ModelProcess() as process:
        again = process.quantize([made("F16")], tmp_path / "again.gguf", "Q8_0", 2)
        assert process.info([again]).requantized_from == "Q4_1"


def test_what_a_killed_process_left_is_removed(smollm2: Path, tmp_path: Path):
    target = tmp_path / "small.gguf"
    left = tmp_path / ".small.gguf.4000000.part"  # above the greatest pid that Linux gives
    ours = tmp_path / f".small.gguf.{os.getpid()}.part"
    for half in (left, ours):
        half.write_bytes(b"half")
    with ModelProcess() as process:
        process.quantize([smollm2], target, "Q8_0", 2)
    assert sorted(tmp_path.iterdir()) == sorted([ours, target])
