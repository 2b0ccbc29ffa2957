"""Importance matrix files, as llama.cpp's llama-imatrix writes them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ggufeval.errors import DataError, ModelError
from ggufeval.llama import capi, gguf
from ggufeval.whole import whole

_SUMS, _COUNTS = ".in_sum2", ".counts"
_DATASETS, _N_CHUNKS, _CHUNK_SIZE = (
    f"imatrix.{name}" for name in ("datasets", "chunk_count", "chunk_size")
)
_TYPE_UINT32, _TYPE_STRING, _TYPE_ARRAY = 4, 8, 9  # gguf.h `gguf_type`
_TYPE_F32 = 0  # ggml.h `ggml_type`
_VERSION, _ALIGNMENT = 3, 32
_LONGEST_NAME = 1024

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Entry:
    """Of one weight: what it was multiplied with."""

    sums: Floats
    """Sum of the squares, [matrices, columns]; several matrices where there are experts."""
    counts: Floats
    """Rows that were summed, [matrices]."""

    @property
    def means(self) -> Floats:
        """What llama.cpp's quantizer wants, flat. An expert that was never asked counts as 1."""
        counts = self.counts[:, None]
        return np.where(counts > 0, self.sums / np.maximum(counts, 1), np.float32(1)).ravel()


@dataclass(frozen=True, slots=True)
class ImatrixFile:
    """Its entries by weight. Source: llama.cpp `tools/imatrix/imatrix.cpp`, `save_imatrix`."""

    entries: Mapping[str, Entry]
    datasets: tuple[str, ...]
    n_chunks: int
    chunk_size: int
    """Tokens; 0 where the file does not say."""


def read(path: Path) -> ImatrixFile:
    """Either format. Raises ModelError where the file is none, is damaged, or not finite."""
    try:
        with path.open("rb") as file:
            is_gguf = file.read(4) == b"GGUF"
        found = _read_gguf(path) if is_gguf else _Legacy(path).read()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}.") from error
    for name, entry in found.entries.items():
        if not np.isfinite(entry.means).all():
            raise ModelError(
                f"{path}: the importance matrix has values for {name} that are not finite numbers. "
                "Make it anew."
            )
    return found


def _no_matrix(path: Path, found: str) -> ModelError:
    return ModelError(
        f"{path}: an importance matrix was expected, as llama-imatrix and `ggufeval imatrix` "
        f"write it; {found}."
    )


def _read_gguf(path: Path) -> ImatrixFile:
    lib = capi.ggml()
    tensors: dict[str, Floats] = {}
    with gguf.opened(path) as handle:
        start, end = lib.gguf_get_data_offset(handle), path.stat().st_size
        for i in range(lib.gguf_get_n_tensors(handle)):
            name = lib.gguf_get_tensor_name(handle, i).decode("utf-8", errors="replace")
            if not name.endswith((_SUMS, _COUNTS)):
                continue
            size = lib.gguf_get_tensor_size(handle, i)
            offset = start + lib.gguf_get_tensor_offset(handle, i)
            if lib.gguf_get_tensor_type(handle, i) != _TYPE_F32 or offset + size > end:
                raise _no_matrix(path, f"{name} in it is truncated, or not of type F32")
            tensors[name] = np.fromfile(path, "<f4", size // 4, offset=offset)
        datasets = gguf.texts(handle, _DATASETS)
        n_chunks = gguf.number(handle, _N_CHUNKS) or 0
        chunk_size = gguf.number(handle, _CHUNK_SIZE) or 0
    entries = {}
    for name, sums in tensors.items():
        if not name.endswith(_SUMS):
            continue
        weight = name.removesuffix(_SUMS)
        counts = tensors.get(weight + _COUNTS)
        if counts is None or not len(counts) or len(sums) % len(counts):
            raise _no_matrix(path, f"the sums of {weight} in it have no counts that fit")
        entries[weight] = Entry(sums.reshape(len(counts), -1), np.rint(counts))
    if not entries:
        raise _no_matrix(path, "this GGUF file holds none")
    return ImatrixFile(entries, datasets, n_chunks, chunk_size)


class _Legacy:
    """A reader of the format before GGUF: little-endian numbers and names, one after another.

    The values are means times the number of chunks. Source: llama.cpp
    `common/imatrix-loader.cpp`, `common_imatrix_load_legacy`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = path.read_bytes()
        self._at = 0

    def read(self) -> ImatrixFile:
        entries = {}
        for _ in range(self._number(least=1)):
            name = self._text()
            n_calls, n_values = self._number(), self._number(least=1)
            values = np.frombuffer(self._take(4 * n_values), "<f4")
            entries[name] = Entry(values[None], np.array([max(n_calls, 1)], np.float32))
        more = self._at < len(self._data)  # the rest is not in the oldest files
        n_chunks = self._number() if more else 0
        dataset = self._text() if more and self._at < len(self._data) else ""
        return ImatrixFile(entries, (dataset,) if dataset else (), n_chunks, 0)

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) < size:
            raise _no_matrix(self._path, "this file is something else, or truncated")
        self._at += size
        return piece

    def _number(self, least: int = 0) -> int:
        value = int(struct.unpack("<i", self._take(4))[0])
        if value < least:
            raise _no_matrix(self._path, "this file is something else")
        return value

    def _text(self) -> str:
        size = self._number()
        if size > _LONGEST_NAME:
            raise _no_matrix(self._path, "this file is something else")
        return self._take(size).decode("utf-8", errors="replace")


def write(matrix: ImatrixFile, target: Path) -> None:
    """As GGUF, whole or not at all: under a temporary name first. Raises DataError."""
    try:
        with whole(target) as half:
            half.write_bytes(_gguf(matrix))
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror}.") from error


def _gguf(matrix: ImatrixFile) -> bytes:
    datasets = b"".join(_string(name) for name in matrix.datasets)
    pairs = [
        _string("general.type") + struct.pack("<I", _TYPE_STRING) + _string("imatrix"),
        _string(_DATASETS)
        + struct.pack("<IIQ", _TYPE_ARRAY, _TYPE_STRING, len(matrix.datasets))
        + datasets,
        _string(_N_CHUNKS) + struct.pack("<II", _TYPE_UINT32, matrix.n_chunks),
        _string(_CHUNK_SIZE) + struct.pack("<II", _TYPE_UINT32, matrix.chunk_size),
    ]
    infos, data, offset = [], [], 0
    for name in sorted(matrix.entries):
        entry = matrix.entries[name]
        for suffix, values in ((_SUMS, entry.sums), (_COUNTS, entry.counts[:, None])):
            shape = values.shape[::-1] if len(values) > 1 else values.shape[1:]
            infos.append(
                _string(name + suffix)
                + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, _TYPE_F32, offset)
            )
            data.append(_padded(values.astype("<f4").tobytes()))
            offset += len(data[-1])
    head = struct.pack("<4sIQQ", b"GGUF", _VERSION, len(infos), len(pairs))
    return _padded(head + b"".join(pairs + infos)) + b"".join(data)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
