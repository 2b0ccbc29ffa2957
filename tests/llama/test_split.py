"""A model in several files, as the hub has large ones."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import pytest

from ggufeval import making, runner
from ggufeval.catalog.files import file_sha256
from ggufeval.catalog.resolve import Request, resolve
from ggufeval.llama import capi
from ggufeval.llama.client import ModelProcess
from ggufeval.store import Store
from ggufeval.types import EngineSettings

OPTIONS = runner.Options(shots=0)
ALIGNMENT = 32


def split(source: Path, folder: Path) -> list[Path]:
    """Cut a GGUF in two, each with half of the tensors, as llama.cpp's gguf-split does.

    The metadata goes into the first file; the keys `split.*` say how the parts belong together.
    """
    lib = ctypes.CDLL(capi.ggml()._name)
    pointer, index = ctypes.c_void_p, ctypes.c_int64
    for name in ("gguf_init_empty", "gguf_init_from_file", "ggml_get_tensor"):
        getattr(lib, name).restype = pointer
    lib.gguf_get_tensor_name.restype = ctypes.c_char_p
    for name in ("gguf_get_n_tensors", "gguf_get_data_offset"):
        getattr(lib, name).restype = index
    for name in ("gguf_get_tensor_offset", "gguf_get_tensor_size"):
        getattr(lib, name).restype = ctypes.c_size_t
    tensors = pointer()
    params = capi.GGUFInitParams(True, ctypes.cast(ctypes.pointer(tensors), pointer))
    whole = pointer(lib.gguf_init_from_file(str(source).encode(), params))
    n_tensors = lib.gguf_get_n_tensors(whole)
    start = lib.gguf_get_data_offset(whole)
    data = source.read_bytes()
    paths = []
    for part, members in enumerate((range(n_tensors // 2), range(n_tensors // 2, n_tensors))):
        path = folder / f"SmolLM2-135M-Instruct-Q4_1-{part + 1:05}-of-00002.gguf"
        piece = pointer(lib.gguf_init_empty())
        if part == 0:
            lib.gguf_set_kv(piece, whole)
        lib.gguf_set_val_u16(piece, b"split.no", ctypes.c_uint16(part))
        lib.gguf_set_val_u16(piece, b"split.count", ctypes.c_uint16(2))
        lib.gguf_set_val_i32(piece, b"split.tensors.count", ctypes.c_int32(n_tensors))
        body = b""
        for i in members:
            name = lib.gguf_get_tensor_name(whole, index(i))
            lib.gguf_add_tensor(piece, pointer(lib.ggml_get_tensor(tensors, name)))
            at = start + lib.gguf_get_tensor_offset(whole, index(i))
            tensor = data[at : at + lib.gguf_get_tensor_size(whole, index(i))]
            body += tensor + bytes(-len(tensor) % ALIGNMENT)
        assert lib.gguf_write_to_file(piece, str(path).encode(), ctypes.c_bool(True))
        with path.open("ab") as file:
            file.write(body)
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def parts(smollm2: Path, tmp_path_factory) -> list[Path]:
    return split(smollm2, tmp_path_factory.mktemp("parts"))


def test_the_facts_are_those_of_the_whole(parts, smollm2):
    with ModelProcess() as process:
        whole, split_up = process.info([smollm2]), process.info(parts)
    assert split_up.label == whole.label
    assert split_up.n_params == whole.n_params
    assert split_up.tensor_types == whole.tensor_types
    assert split_up.bits_per_weight == whole.bits_per_weight


def test_the_memory_is_that_of_the_whole(parts, smollm2):
    settings = EngineSettings(512, 256, 256, 8, 2, 0, "auto")
    with ModelProcess() as process:
        found = [process.memory(path, settings) for path in (parts[0], smollm2)]
    in_parts, whole = (replace(memory, process=0) for memory in found)
    assert in_parts == whole


def test_a_folder_of_parts_is_one_model_with_the_same_answers(
    parts, smollm2, few_questions, tmp_path
):
    selection = resolve(str(parts[0].parent))
    (source,) = selection.sources
    assert source.parts == tuple(parts)
    (level,) = making.levels([selection])
    questions = replace(few_questions, questions=few_questions.questions[:8])
    with Store.open(tmp_path / "results.sqlite") as store:
        split_up = runner.evaluate(
            making.files_of(level, 2, lambda _: None), questions, store, OPTIONS
        )
        whole = runner.evaluate(
            runner.ModelFiles((smollm2,), file_sha256(smollm2)), questions, store, OPTIONS
        )
        logits = [
            [record.letter_logits for record in store.result(run.id).records]
            for run in (split_up, whole)
        ]
    assert logits[0] == logits[1]


def test_levels_are_made_from_all_parts(parts, tmp_path, monkeypatch):
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path))
    (level,) = making.levels([resolve(str(parts[0]), Request(("Q8_0",)))])
    made = making.files_of(level, 2, lambda _: None)
    with ModelProcess() as process:
        assert process.info(made.parts).n_params == 134_515_008
