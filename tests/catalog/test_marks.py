from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ggufeval.catalog.marks import Mark, mark, read
from ggufeval.catalog.resolve import level_path, resolve
from ggufeval.errors import ModelError
from ggufeval.types import Recipe


def test_the_usual_way_has_no_mark():
    assert mark(Recipe(may_requantize=False)) == ""


def test_a_mark_names_the_types_and_the_matrix_by_its_content(tmp_path: Path):
    matrix = tmp_path / "imatrix.gguf"
    matrix.write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()[:8]
    found = mark(Recipe(imatrix=matrix, output_type="Q8_0", embedding_type="q6_K"))
    assert found == f"imatrix-{digest}-output-q8_0-embeddings-q6_k"
    assert read(f"tiny-1b-{found}-Q4_K_M.gguf") == Mark(digest, "q8_0", "q6_k")


def test_a_name_may_have_a_part_of_a_mark_or_none():
    assert read("tiny-imatrix-0a1b2c3d-IQ2_XS.gguf") == Mark("0a1b2c3d")
    assert read("tiny-embeddings-q6_k-F16.gguf") == Mark(embedding_type="q6_k")
    for name in ("tiny-Q4_K_M.gguf", "imatrix-0a1b2c3d.gguf", "tiny-imatrix-mine-Q4_0.gguf", ""):
        assert read(name) == Mark()
    for name in ("my-output-big-Q4_0.gguf", "embed-output-v2-Q8_0.gguf"):
        assert read(name) == Mark()


def test_a_matrix_that_is_not_there(tmp_path: Path):
    with pytest.raises(ModelError, match=r"nowhere\.gguf: cannot be read: No such file"):
        mark(Recipe(imatrix=tmp_path / "nowhere.gguf"))


def test_a_marked_level_is_another_file_and_a_model_of_another_name(tmp_path, monkeypatch):
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "tiny-F16.gguf"
    path.write_bytes(b"GGUF\3\0\0\0" + bytes(24))
    (source,) = resolve(str(path)).sources
    plain, marked = level_path(source, "Q4_0"), level_path(source, "Q4_0", "output-q8_0")
    assert plain.parent == marked.parent
    assert marked.name == "tiny-output-q8_0-Q4_0.gguf"
    marked.parent.mkdir(parents=True)
    marked.write_bytes(path.read_bytes())
    (again,) = resolve(str(marked)).sources
    assert (again.name, again.quantization_hint) == ("tiny-output-q8_0", "Q4_0")


def test_the_catalogues_own_level_made_in_another_way_is_not_its_file(smollm2):
    (source,) = resolve("smollm2-135m-instruct").sources
    assert level_path(source, "Q4_1") == smollm2
    assert level_path(source, "Q4_1", "output-q8_0") != smollm2
