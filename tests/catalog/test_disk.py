"""What is on the disk, in our cache and in that of the hub's client, and how it goes."""

import hashlib

import pytest
from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store

from ggufeval.catalog import disk, hubcache
from ggufeval.catalog import hub as room
from ggufeval.catalog.cache import models_folder
from ggufeval.catalog.repository import Listing

from .test_files import GGUF

LLAMA = "bartowski/Llama-3.2-1B-Instruct-GGUF"
OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def cached(hub):
    """Puts a file into the hub's cache."""

    def put(repository, name, content=GGUF, commit=OLD):
        cache = room.cache()
        blob = hubcache.folder(cache, repository) / "blobs" / hashlib.sha256(content).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        listing = Listing(repository, commit, ())
        hubcache.link(cache, listing, name, blob)
        hubcache.remember(cache, listing)
        return hubcache.path(cache, listing, name)

    return put


@pytest.fixture
def made(hub):
    """Puts a file into our own cache."""

    def put(folder, name, content=GGUF):
        path = models_folder() / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return put


def stored():
    return [(item.model, item.quantization, item.is_made) for item in disk.stored()]


def test_nothing(hub):
    assert disk.stored() == ()


def test_by_model_and_the_larger_levels_first(cached, made):
    cached("o/Tiny-GGUF", "tiny-Q8_0.gguf")
    cached(LLAMA, "m-Q4_K_M.gguf", GGUF + b"4")
    cached(LLAMA, "m-Q8_0.gguf", GGUF + b"88")
    cached("meta-llama/Llama-3.2-1B-Instruct", "model.safetensors")
    made(f"{LLAMA.replace('/', '--')}-0123456789ab", "m-Q2_K.gguf")
    made("o--Tiny-GGUF-0123456789ab", "tiny-Q2_K.gguf", GGUF[:-1])
    made("smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf")
    made("smollm2-135m-instruct", "SmolLM2-135M-Instruct-Q8_0.gguf", GGUF[:-1])
    made("smollm2-135m-instruct", ".SmolLM2-135M-Instruct-F16.gguf.part")
    made("mine-0123456789ab", "mine-Q8_0.gguf")
    assert stored() == [
        ("llama-3.2-1b-instruct", "Q8_0", False),
        ("llama-3.2-1b-instruct", "Q4_K_M", False),
        ("llama-3.2-1b-instruct", "Q2_K", True),
        ("mine-0123456789ab", "Q8_0", True),
        ("o/Tiny-GGUF", "Q8_0", False),
        ("o/Tiny-GGUF", "Q2_K", True),
        ("smollm2-135m-instruct", "Q4_1", False),
        ("smollm2-135m-instruct", "Q8_0", True),
    ]


def test_all_parts_are_one(cached):
    paths = tuple(cached("o/r", f"m-Q8_0-0000{i}-of-00002.gguf", GGUF + bytes([i])) for i in (1, 2))
    (item,) = disk.stored()
    assert item.paths == paths
    assert item.sha256 == tuple(path.resolve().name for path in paths)
    assert item.size_bytes == 2 * (len(GGUF) + 1)
    assert disk.remove(item) == item.size_bytes
    assert disk.stored() == ()


def test_every_commit_counts(cached):
    cached("o/r", "m-F16.gguf")
    cached("o/r", "m-Q8_0.gguf", GGUF + b"8", commit=NEW)
    assert [item[1] for item in stored()] == ["Q8_0", "F16"]


def test_a_blob_that_another_commit_uses_stays(cached):
    old = cached("o/r", "m-Q8_0.gguf")
    new = cached("o/r", "m-Q8_0.gguf", commit=NEW)
    blob = old.resolve()
    first, second = disk.stored()
    assert disk.remove(first) == 0
    assert not new.is_symlink()
    assert old.read_bytes() == GGUF
    assert disk.remove(second) == len(GGUF)
    assert not blob.exists()


def test_what_the_client_shares_with_other_repositories_stays(cached):
    """Only it knows who uses that; `hf cache prune` deletes what nobody does."""
    path = cached("o/r", "m-Q8_0.gguf")
    blob = hubcache.blob(path)
    publish_blob_to_shared_store(
        blob_path=str(blob), xet_hash="5" * 64, cache_dir=room.cache(), expected_size=len(GGUF)
    )
    shared = path.resolve()
    (item,) = disk.stored()
    assert item.sha256 == (blob.name,)
    assert disk.remove(item) == 0
    assert not blob.is_symlink()
    assert shared.read_bytes() == GGUF


def test_a_level_that_was_made_goes_alone(made):
    f16 = made("mine-0123456789ab", "mine-F16.gguf")
    q8_0 = made("mine-0123456789ab", "mine-Q8_0.gguf")
    (item,) = (item for item in disk.stored() if item.quantization == "Q8_0")
    assert disk.remove(item) == len(GGUF)
    assert (f16.exists(), q8_0.exists()) == (True, False)


@pytest.mark.parametrize(
    ("model", "name"),
    [(LLAMA, "llama-3.2-1b-instruct"), ("o/r", "o/r"), ("mine", "mine")],
)
def test_the_name_of_the_catalogue(model, name):
    assert disk.catalogue_name(model) == name


def test_written_out_weights_are_each_a_model(made):
    one = made("dequantized", "tiny-Q4_0-aaaaaaaaaaaa-F32.gguf")
    two = made("dequantized", "tiny-Q4_0-bbbbbbbbbbbb-F32.gguf")
    assert stored() == [
        ("tiny-Q4_0-aaaaaaaaaaaa", "F32", True),
        ("tiny-Q4_0-bbbbbbbbbbbb", "F32", True),
    ]
    assert [item.paths for item in disk.stored()] == [(one,), (two,)]
