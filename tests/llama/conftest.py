from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

_TYPE_UINT32, _TYPE_STRING = 4, 8  # gguf.h `gguf_type`
_HEADER = 24  # magic, version, number of tensors, number of keys
_ALIGNMENT = 32


def _pair(key: str, value: str | int) -> bytes:
    name = struct.pack("<Q", len(key)) + key.encode()
    if isinstance(value, int):
        return name + struct.pack("<II", _TYPE_UINT32, value)
    return name + struct.pack("<IQ", _TYPE_STRING, len(value.encode())) + value.encode()


@pytest.fixture
def with_metadata(smollm2: Path, tmp_path: Path) -> Callable[[dict[str, str | int]], Path]:
    """A copy of SmolLM2 with more metadata, of keys that it does not have yet."""

    def copy(metadata: dict[str, str | int]) -> Path:
        data = smollm2.read_bytes()
        pairs = b"".join(_pair(key, value) for key, value in metadata.items())
        # Tensors lie at multiples of the alignment: one more key fills up what we insert.
        missing = -(len(pairs) + len(_pair("x", ""))) % _ALIGNMENT
        pairs += _pair("x", missing * "-")
        n_keys = struct.unpack_from("<Q", data, 16)[0] + len(metadata) + 1
        target = tmp_path / "with-metadata.gguf"
        target.write_bytes(data[:16] + struct.pack("<Q", n_keys) + pairs + data[_HEADER:])
        return target

    return copy


@pytest.fixture
def of_architecture(smollm2: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of SmolLM2 that says to be of another architecture, with a name of five letters."""

    def copy(name: str) -> Path:
        data = bytearray(smollm2.read_bytes())
        at = data.index(b"general.architecture") + len("general.architecture") + 12
        assert data[at : at + 5] == b"llama"
        data[at : at + 5] = name.encode()
        target = tmp_path / "of-architecture.gguf"
        target.write_bytes(data)
        return target

    return copy
