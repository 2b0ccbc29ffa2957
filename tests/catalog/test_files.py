"""GGUF files by name, by first bytes, by hash."""

import hashlib
import os
import struct
from pathlib import Path

import pytest

from ggufeval.catalog.files import check_gguf, file_sha256, first_part, parts, split_name
from ggufeval.errors import ModelError

GGUF = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)


@pytest.mark.parametrize(
    ("file", "name", "quantization"),
    [
        ("Llama-3.2-1B-Instruct-Q4_K_M.gguf", "Llama-3.2-1B-Instruct", "Q4_K_M"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct", "Q4_1"),
        ("qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", "qwen2.5-coder-1.5b-instruct", "Q4_K_M"),
        ("m-fp16.gguf", "m", "F16"),
        ("m-bf16.gguf", "m", "BF16"),
        ("m-UD-IQ2_XXS.gguf", "m", "UD-IQ2_XXS"),
        ("gpt-oss-20b-MXFP4.gguf", "gpt-oss-20b", "MXFP4"),
        ("m-TQ1_0.gguf", "m", "TQ1_0"),
        ("m-Q8_0-00002-of-00003.gguf", "m", "Q8_0"),
        ("Q8_0.gguf", "", "Q8_0"),
        ("model.gguf", "model", ""),
        ("Qwen3-Q8-special.gguf", "Qwen3-Q8-special", ""),
    ],
)
def test_split_name(file, name, quantization):
    assert split_name(Path(file)) == (name, quantization)


def test_parts_of_a_whole_file_is_the_file():
    assert parts(Path("a/m.gguf")) == (Path("a/m.gguf"),)
    assert first_part(Path("a/m.gguf")) == Path("a/m.gguf")


def test_parts_from_any_of_them(tmp_path):
    names = [tmp_path / f"m-{i:05d}-of-00003.gguf" for i in (1, 2, 3)]
    for name in names:
        name.write_bytes(GGUF)
    assert parts(names[0]) == parts(names[2]) == tuple(names)
    assert first_part(names[2]) == names[0]


def test_missing_parts_are_named(tmp_path):
    (tmp_path / "m-00001-of-00009.gguf").write_bytes(GGUF)
    with pytest.raises(ModelError, match=r"9 parts were expected, 8 missing: m-00002.*, \.\.\."):
        parts(tmp_path / "m-00001-of-00009.gguf")


@pytest.mark.parametrize("number", ["00000-of-00002", "00003-of-00002", "00001-of-00000"])
def test_part_outside_its_own_count(number):
    with pytest.raises(ModelError, match="a part from 1 to"):
        parts(Path(f"m-{number}.gguf"))


@pytest.mark.parametrize("version", [2, 3])
def test_gguf_passes(tmp_path, version):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", version, 1, 1))
    check_gguf(path)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"", "this is empty. Download it again"),
        (b"PK\x03\x04" + bytes(40), "zip archive.*convert_hf_to_gguf"),
        (struct.pack("<Q", 900) + b'{"__metadata__":', "safetensors.*convert_hf_to_gguf"),
        (b"\x80\x02}q\x01(", "pickle.*convert_hf_to_gguf"),
        (b"\n<!DOCTYPE html>\n<html>", "web page. Download it again"),
        (b"<html><body>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "git-lfs pointer"),
        (b"tjgg" + bytes(40), "GGML file from before GGUF"),
        (b"hello", r"something else \(it begins with b'hello'\).*convert_hf_to_gguf"),
        (GGUF[:12], "ends inside its header. Download it again"),
        (b"GGUF" + struct.pack("<IQQ", 1, 1, 1), "version 1. Convert"),
        (b"GGUF" + struct.pack("<IQQ", 4, 1, 1), "version 4"),
        (b"GGUF" + struct.pack(">IQQ", 3, 1, 1), "big-endian"),
    ],
)
def test_not_a_gguf(tmp_path, head, message):
    path = tmp_path / "m.gguf"
    path.write_bytes(head)
    with pytest.raises(ModelError, match=message):
        check_gguf(path)


def test_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.gguf")
    (tmp_path / "link.gguf").symlink_to(tmp_path / "gone")
    for name in ("pipe.gguf", "link.gguf"):
        with pytest.raises(ModelError, match="no regular file"):
            check_gguf(tmp_path / name)


def test_sha256(tmp_path):
    whole = tmp_path / "m.gguf"
    whole.write_bytes(GGUF)
    assert file_sha256(whole) == hashlib.sha256(GGUF).hexdigest()


def test_sha256_of_a_split_model_is_that_of_its_digests(tmp_path):
    for i, content in ((1, b"one"), (2, b"two")):
        (tmp_path / f"m-0000{i}-of-00002.gguf").write_bytes(content)
    digests = hashlib.sha256(b"one").hexdigest() + hashlib.sha256(b"two").hexdigest()
    expected = hashlib.sha256(digests.encode()).hexdigest()
    assert file_sha256(tmp_path / "m-00002-of-00002.gguf") == expected


def test_sha256_of_nothing(tmp_path):
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        file_sha256(tmp_path / "m.gguf")
