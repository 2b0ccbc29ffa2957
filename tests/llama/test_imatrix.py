from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from ggufeval.errors import ModelError
from ggufeval.llama import capi
from ggufeval.llama.imatrix import Entry, ImatrixFile, read, write


@pytest.fixture(autouse=True)
def started():
    capi.start()


def entry(sums, counts) -> Entry:
    return Entry(np.array(sums, np.float32), np.array(counts, np.float32))


def legacy(*, n_calls: int = 4, tail: bytes = b"") -> bytes:
    name = b"blk.0.attn_q.weight"
    head = struct.pack("<ii", 1, len(name)) + name
    return head + struct.pack("<ii3f", n_calls, 3, 4.0, 8.0, 2.0) + tail


def test_what_is_written_is_read(tmp_path: Path):
    entries = {
        "blk.0.ffn_up_exps.weight": entry([[2.0, 4.0, 6.0], [0.0, 0.0, 0.0]], [2, 0]),
        "blk.0.attn_q.weight": entry([[1.0, 3.0]], [4]),
    }
    write(ImatrixFile(entries, ("text.txt",), 8, 512), tmp_path / "imatrix.gguf")
    found = read(tmp_path / "imatrix.gguf")
    assert (found.datasets, found.n_chunks, found.chunk_size) == (("text.txt",), 8, 512)
    assert {name: e.sums.tolist() for name, e in found.entries.items()} == {
        name: e.sums.tolist() for name, e in entries.items()
    }
    assert [path.name for path in tmp_path.iterdir()] == ["imatrix.gguf"]


def test_the_gguf_package_reads_what_is_written(tmp_path: Path):
    import gguf

    matrix = ImatrixFile({"blk.0.attn_q.weight": entry([[1.0, 3.0]], [4])}, ("a", "b"), 8, 512)
    write(matrix, tmp_path / "imatrix.gguf")
    reader = gguf.GGUFReader(tmp_path / "imatrix.gguf")
    assert {tensor.name: tensor.data.tolist() for tensor in reader.tensors} == {
        "blk.0.attn_q.weight.in_sum2": [1.0, 3.0],
        "blk.0.attn_q.weight.counts": [4.0],
    }
    assert reader.fields["general.type"].contents() == "imatrix"
    assert reader.fields["imatrix.datasets"].contents() == ["a", "b"]
    assert reader.fields["imatrix.chunk_count"].contents() == 8


def test_means_are_sums_over_counts_and_one_for_an_expert_without_rows():
    assert entry([[2.0, 4.0], [0.0, 0.0]], [2, 0]).means.tolist() == [1.0, 2.0, 1.0, 1.0]


def test_the_older_format(tmp_path: Path):
    path = tmp_path / "imatrix.dat"
    path.write_bytes(legacy(tail=struct.pack("<ii", 17, 8) + b"text.txt"))
    found = read(path)
    assert found.entries["blk.0.attn_q.weight"].means.tolist() == [1.0, 2.0, 0.5]
    assert (found.datasets, found.n_chunks) == (("text.txt",), 17)


def test_the_oldest_files_end_after_the_entries(tmp_path: Path):
    path = tmp_path / "imatrix.dat"
    path.write_bytes(legacy())
    assert (read(path).datasets, read(path).n_chunks) == ((), 0)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "this file is something else, or truncated"),
        (legacy()[:-1], "this file is something else, or truncated"),
        (b"Call me Ishmael. Some years ago", "this file is something else"),
        (struct.pack("<i", -1) + bytes(100), "this file is something else"),
    ],
)
def test_what_is_no_matrix(tmp_path: Path, content: bytes, found: str):
    path = tmp_path / "imatrix.dat"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: an importance matrix was expected, as ")
    assert str(caught.value).endswith(f"write it; {found}.")


def test_a_model_is_no_matrix(smollm2: Path):
    with pytest.raises(ModelError, match="write it; this GGUF file holds none"):
        read(smollm2)


def test_a_matrix_that_is_cut(tmp_path: Path):
    path = tmp_path / "imatrix.gguf"
    write(ImatrixFile({"blk.0.attn_q.weight": entry([[1.0] * 100], [4])}, (), 8, 512), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError, match="is truncated"):
        read(path)


def test_values_that_are_not_finite(tmp_path: Path):
    path = tmp_path / "imatrix.gguf"
    write(ImatrixFile({"blk.0.attn_q.weight": entry([[1.0, np.nan]], [4])}, (), 8, 512), path)
    with pytest.raises(ModelError, match=r"blk\.0\.attn_q\.weight that are not finite"):
        read(path)
