"""The cache of the hub's client: its layout, and what is in it."""

import hashlib
import os
from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir
from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store

from ggufeval.catalog import hubcache
from ggufeval.catalog.repository import Listing
from ggufeval.errors import UnavailableError

REPO = "o/Tiny-GGUF"
OLD, NEW = "a" * 40, "b" * 40
XET_HASH = "5" * 64


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "hub"


@pytest.fixture
def store(cache):
    """Puts a file into the cache as the client does."""

    def put(name, content=b"GGUF", commit=OLD, repository=REPO):
        sha256 = hashlib.sha256(content).hexdigest()
        blob = hubcache.folder(cache, repository) / "blobs" / sha256
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        the_listing = Listing(repository, commit, ())
        hubcache.link(cache, the_listing, name, blob)
        hubcache.remember(cache, the_listing)
        return hubcache.path(cache, the_listing, name)

    return put


def date(path, seconds):
    os.utime(path.parent, (seconds, seconds))


def test_the_client_finds_what_we_put_there(cache, store):
    store("m-Q8_0.gguf")
    store("BF16/m-00001-of-00001.gguf", b"GGUF2")

    found = scan_cache_dir(cache)

    assert found.warnings == []
    (repository,) = found.repos
    assert (repository.repo_id, repository.size_on_disk) == (REPO, 9)
    (revision,) = repository.revisions
    assert (revision.commit_hash, revision.refs) == (OLD, {"main"})
    assert {file.file_name for file in revision.files} == {"m-Q8_0.gguf", "m-00001-of-00001.gguf"}


def test_links_stay_right_where_the_cache_is_moved(cache, store, tmp_path):
    path = store("a/m-Q8_0.gguf")
    assert path.readlink() == Path("../../..", "blobs", hashlib.sha256(b"GGUF").hexdigest())
    cache.rename(tmp_path / "moved")
    assert (tmp_path / "moved" / path.relative_to(cache)).read_bytes() == b"GGUF"


def test_a_link_to_a_blob_that_is_gone_is_made_anew(store):
    path = store("m-Q8_0.gguf")
    hubcache.blob(path).unlink()
    assert store("m-Q8_0.gguf").read_bytes() == b"GGUF"


def test_a_disk_without_links(cache, store, monkeypatch):
    def refuse(self, target):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    path = store("m-Q8_0.gguf")
    assert path.is_file()
    assert not path.is_symlink()
    assert list((hubcache.folder(cache, REPO) / "blobs").iterdir()) == []
    assert hubcache.blob(path) == path
    (listing,) = hubcache.listings(cache, REPO)
    assert listing.models[0].files[0].sha256 == ""


def test_the_listing(cache, store):
    store("m-Q8_0.gguf", b"GGUF-")
    store("m-F16-00001-of-00002.gguf")
    store("m-F16-00002-of-00002.gguf")
    store("m-Q2_K-00001-of-00002.gguf")
    store("README.md")

    listing = hubcache.listing(cache, REPO, (), "nobody answers")

    assert (listing.commit, listing.absence) == (OLD, "nobody answers")
    assert listing.quantizations == ("F16", "Q8_0")
    (file,) = listing.of("Q8_0").files
    assert (file.size_bytes, file.sha256) == (5, hashlib.sha256(b"GGUF-").hexdigest())


def test_a_link_to_nothing_is_no_model(cache, store):
    store("m-F16.gguf")
    hubcache.blob(store("m-Q8_0.gguf", b"GGUF-")).unlink()
    assert hubcache.listing(cache, REPO, (), "").quantizations == ("F16",)


def test_the_commit_of_main_comes_first_then_the_newest(cache, store):
    oldest, middle = "c" * 40, "d" * 40
    for seconds, commit in enumerate((NEW, oldest, middle, OLD), 1):
        date(store("m-Q8_0.gguf", commit=commit), seconds)
    hubcache.remember(cache, Listing(REPO, NEW, ()))
    commits = [listing.commit for listing in hubcache.listings(cache, REPO)]
    assert commits == [NEW, OLD, middle, oldest]


def test_an_older_commit_that_has_all_levels_goes_before_a_newer_one_that_has_not(cache, store):
    for level in ("F16", "Q8_0"):
        store(f"m-{level}.gguf", level.encode())
    store("m-Q6_K.gguf", commit=NEW)

    def commit(*wanted):
        return hubcache.listing(cache, REPO, wanted, "").commit

    assert commit() == commit("Q6_K") == NEW
    assert commit("f16", "q8_0") == commit("m-F16.gguf") == OLD
    assert commit("Q6_K", "Q8_0") == NEW  # no commit has both


@pytest.mark.parametrize("name", ["README.md", "m-00001-of-00002.gguf", ""])
def test_no_whole_model(cache, store, name):
    if name:
        store(name)
    with pytest.raises(UnavailableError) as caught:
        hubcache.listing(cache, REPO, (), "nobody answers")
    assert str(caught.value) == (
        f"{REPO} is not in the hub's cache ({cache}), and nobody answers. Run once with a network, "
        "or give the path of a GGUF."
    )


def test_repositories(cache, store):
    assert hubcache.repositories(cache) == ()
    for repository in ("o/a--b", "o/a", "n/z"):
        store("m-Q8_0.gguf", repository=repository)
    (cache / "datasets--cais--mmlu").mkdir()
    assert hubcache.repositories(cache) == ("n/z", "o/a", "o/a--b")


def test_a_blob_is_used_as_long_as_a_snapshot_links_to_it(store):
    old, new = store("m-Q8_0.gguf"), store("n/other-Q8_0.gguf", commit=NEW)
    blob = hubcache.blob(old)
    assert blob == hubcache.blob(new)
    old.unlink()
    assert hubcache.is_used(blob)
    new.unlink()
    assert not hubcache.is_used(blob)


def test_bytes_that_the_client_shares_between_repositories_keep_their_sha256(cache, store):
    """As it does where they came over Xet: behind the blob is a file called by another hash."""
    path = store("m-Q8_0.gguf")
    sha256 = hashlib.sha256(b"GGUF").hexdigest()
    blob = hubcache.folder(cache, REPO) / "blobs" / sha256
    publish_blob_to_shared_store(
        blob_path=str(blob), xet_hash=XET_HASH, cache_dir=cache, expected_size=4
    )
    assert path.resolve().name == XET_HASH

    assert hubcache.blob(path) == blob
    assert hubcache.sha256_of(path) == sha256
    assert hubcache.is_used(blob)
