"""The bytes: every fault that they can meet on the way, and what is left of them then."""

import errno
import os
import shutil
import threading
from dataclasses import replace
from types import SimpleNamespace

import hub_files
import pytest
from hub_faults import GRANTED, STRANGER, Fault
from hub_stand_in import _Handler
from huggingface_hub import scan_cache_dir
from huggingface_hub.utils import WeakFileLock
from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store

from ggufeval.catalog import download, hubcache
from ggufeval.catalog import hub as room
from ggufeval.errors import ModelError, UnavailableError, UnreachableError

REPO = "o/Tiny-GGUF"
Q8_0 = "tiny-Q8_0.gguf"
SIZE = 100_000
BREAKS = (
    Fault("/cdn/", cut_after=70_000, times=1),
    Fault("/cdn/", cut_after=0, how="reset"),
)
"""Seventy thousand bytes, and then no more."""
ENDED = (
    "RemoteProtocolError: peer closed connection without sending complete message body "
    "(received 0 bytes, expected 100000)"
)
DROPPED = "RemoteProtocolError: Server disconnected without sending a response"
RESET = "ReadError: [Errno 104] Connection reset by peer"
GO_ON = "What has come is kept: repeat the command to go on."


class Download:
    """Fetches levels of the repository; keeps what was shown and said."""

    def __init__(self, hub):
        self.hub = hub
        self.shown: list[tuple[int, int]] = []
        self.said: list[str] = []

    def __call__(self, *levels):
        listing = room.listing(REPO)
        self.hub.requests.clear()
        wanted = [listing.of(level) for level in levels or ("Q8_0",)]
        return download.fetch(listing, wanted, lambda *at: self.shown.append(at), self.said.append)

    def refused(self, kind=ModelError, *levels):
        with pytest.raises(kind) as caught:
            self(*levels)
        return str(caught.value)

    @property
    def ranges(self):
        """What was asked of the CDN."""
        return [each.range for each in self.hub.requests if each.path.startswith("/cdn/")]

    @property
    def blobs(self):
        folder = hubcache.folder(room.cache(), REPO) / "blobs"
        return sorted(path for path in folder.iterdir() if path.suffix != ".incomplete")

    @property
    def half(self):
        """The bytes of the file that is not complete."""
        (path,) = hubcache.folder(room.cache(), REPO).glob("blobs/*.incomplete")
        return path.read_bytes()


@pytest.fixture
def files(hub, publish):
    return publish(REPO, "tiny-F16.gguf", Q8_0, size=SIZE)


@pytest.fixture
def fetch(hub, files):
    return Download(hub)


class Full:
    """A stream into a disk that has room for 30,000 bytes."""

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, data):
        if self._stream.tell() >= 30_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._stream.write(data)


def assert_rises(shown, total):
    """To the total and never beyond it."""
    assert all(of == total for _, of in shown)
    assert [done for done, _ in shown] == sorted(done for done, _ in shown)
    assert shown[-1] == (total, total)


# --- as it should be ---


def test_a_file_is_fetched_once_and_the_client_finds_it(hub, files, fetch):
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]
    assert path.name == Q8_0
    assert len(hub.requests) == 2  # the hub, which sends it to the CDN
    assert_rises(fetch.shown, SIZE)
    (repository,) = scan_cache_dir(room.cache()).repos
    (revision,) = repository.revisions
    assert revision.refs == {"main"}

    fetch.shown.clear()
    assert fetch() == [path]
    assert hub.requests == []
    assert fetch.shown == []


def test_several_files_are_one_download(files, fetch):
    paths = fetch("F16", "Q8_0")
    assert [path.read_bytes() for path in paths] == list(files.values())
    assert_rises(fetch.shown, 2 * SIZE)


def test_a_split_model_is_fetched_whole(hub, publish, fetch):
    publish(REPO, "m-BF16-00001-of-00002.gguf", "m-BF16-00002-of-00002.gguf", size=5000)
    (first,) = fetch("BF16")
    names = [f"m-BF16-0000{i}-of-00002.gguf" for i in (1, 2)]
    assert first.name == names[0]
    assert sorted(path.name for path in first.parent.iterdir()) == names


def test_the_same_bytes_at_another_commit_are_not_fetched_again(hub, publish, fetch, monkeypatch):
    (old,) = fetch()
    publish(REPO, "README.md")
    # There is no room for more, and none is needed.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    fetch.shown.clear()
    (new,) = fetch()
    assert hub.requests == []
    assert fetch.shown == []
    assert old.parent != new.parent
    assert old.resolve() == new.resolve()


def test_a_commit_is_fetched_as_it_was_listed(hub, publish, fetch):
    listing = room.listing(REPO)
    publish(REPO, "README.md")
    with pytest.raises(ModelError, match="o/Tiny-GGUF has changed since it was listed"):
        download.fetch(listing, [listing.of("Q8_0")], lambda *_: None, fetch.said.append)


def test_a_file_that_the_hub_keeps_in_git(hub, publish, fetch, monkeypatch):
    monkeypatch.setattr(hub_files, "LARGE", set())
    content = publish(REPO, "m-Q2_K.gguf", size=2000)["m-Q2_K.gguf"]
    (path,) = fetch("Q2_K")
    assert path.read_bytes() == content
    assert fetch.shown == [(2000, 2000)]
    hub.faults.append(Fault("resolve", drop=True))
    shutil.rmtree(room.cache())
    assert "RemoteProtocolError: Server disconnected" in fetch.refused(UnreachableError, "Q2_K")


def test_bytes_that_the_client_shares_between_repositories(hub, files, fetch, publish):
    (path,) = fetch()
    publish_blob_to_shared_store(
        blob_path=str(hubcache.blob(path)),
        xet_hash="5" * 64,
        cache_dir=room.cache(),
        expected_size=SIZE,
    )
    publish(REPO, "README.md")
    (again,) = fetch()
    assert hub.requests == []
    assert again.resolve().name == "5" * 64
    again.resolve().unlink()  # as `hf cache prune` may
    (anew,) = fetch()
    assert anew.read_bytes() == files[Q8_0]


@pytest.mark.parametrize("content", [b"", b"GGUF", b"x" * SIZE], ids=["empty", "short", "wrong"])
@pytest.mark.parametrize("linked", [True, False])
def test_a_blob_that_was_damaged_is_fetched_again(files, fetch, hub, content, linked):
    """Unless it has its size and its name: that is noticed when it is used."""
    (path,) = fetch()
    path.resolve().write_bytes(content)
    if not linked:
        path.unlink()
    assert fetch() == [path]
    if linked and len(content) == SIZE:
        assert hub.requests == []
    else:
        assert path.read_bytes() == files[Q8_0]


# --- a line that breaks ---


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("/cdn/", cut_after=40_000, times=1),
        Fault("/cdn/", cut_after=40_000, how="reset", times=1),
        Fault("/cdn/", cut_after=40_000, how="stall", times=1),
    ],
    ids=["cut", "reset", "stall"],
)
def test_a_download_that_breaks_goes_on(files, fetch, hub, fault):
    hub.faults.append(fault)
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]
    first, second = fetch.ranges
    assert first is None
    assert 30_000 <= int(second.removeprefix("bytes=").removesuffix("-")) <= 40_000
    assert_rises(fetch.shown, SIZE)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_download_that_always_breaks_goes_on_as_long_as_something_comes(files, fetch, hub, how):
    hub.faults.append(Fault("/cdn/", cut_after=20_000, how=how))
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]
    assert 5 <= len(fetch.ranges) <= 8
    assert_rises(fetch.shown, SIZE)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "reason", "attempts"),
    [
        (Fault("/cdn/", cut_after=0), ENDED, 6),
        (Fault("/cdn/", drop=True), DROPPED, 6),
        (Fault("/cdn/", cut_after=0, how="reset"), RESET, 1),
        (Fault("/cdn/", cut_after=0, how="stall"), "ReadTimeout: timed out", 6),
        (Fault("/cdn/", hang=True), "ReadTimeout: timed out", 6),
        (Fault("/cdn/", status=503), "503 Service Unavailable", 1),
        (Fault("/cdn/", status=429, retry_after=60), "429 Too Many Requests", 6),
    ],
    ids=["cut", "drop", "reset", "stall", "hang", "503", "429"],
)
def test_a_download_of_which_nothing_comes_stops(fetch, hub, fault, reason, attempts):
    hub.faults.append(fault)
    assert fetch.refused(UnreachableError) == (
        f"{REPO}/{Q8_0}: the download stopped after 0.0 of 0.1 MB ({reason}). {GO_ON}"
    )
    assert 1 <= len(fetch.ranges) <= attempts
    assert fetch.blobs == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("/cdn/", cut_after=0, how="reset", times=3),
        Fault("/cdn/", status=503, times=3),
        Fault("/resolve/", status=500, times=3),
    ],
    ids=["reset", "503", "500"],
)
def test_what_the_client_does_not_try_again_is_tried_again(files, fetch, hub, monkeypatch, fault):
    monkeypatch.setattr(download, "_PATIENCE_SECONDS", 60)
    hub.faults.append(fault)
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]


def test_what_has_come_is_kept_for_the_next_time(files, fetch, hub):
    hub.faults += BREAKS
    assert "stopped after 0.1 of 0.1 MB (ReadError: [Errno 104]" in fetch.refused(UnreachableError)
    kept = len(fetch.half)
    assert 50_000 <= kept <= 70_000
    hub.faults.clear()
    fetch.shown.clear()

    (path,) = fetch()

    assert path.read_bytes() == files[Q8_0]
    assert fetch.ranges == [f"bytes={kept}-"]
    assert fetch.shown[:2] == [(kept, SIZE)] * 2
    assert_rises(fetch.shown, SIZE)
    assert fetch.blobs == [path.resolve()]


def test_429_is_waited_for_and_said(files, fetch, hub, capfd):
    hub.faults.append(Fault("/cdn/", status=429, retry_after=60, times=2))
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]
    said = "The hub has had too many requests from here: waiting 61 seconds ..."
    assert fetch.said == [said, said]
    assert capfd.readouterr() == ("", "")


def test_a_slow_line_is_no_fault(files, fetch, hub):
    hub.faults.append(Fault("/cdn/", delay=0.1))
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]
    assert len(fetch.ranges) == 1


def test_a_server_that_does_not_know_ranges(files, fetch, hub, monkeypatch):
    hub.faults += BREAKS
    fetch.refused(UnreachableError)
    hub.faults.clear()
    reply = _Handler.reply_file

    def reply_whole(self, *arguments):
        self.asked = replace(self.asked, range=None)
        reply(self, *arguments)

    monkeypatch.setattr(_Handler, "reply_file", reply_whole)
    fetch.shown.clear()
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]
    assert fetch.ranges != [None]
    assert_rises(fetch.shown[1:], SIZE)  # all of it once more


# --- bytes that are not those that were promised ---


def test_wrong_bytes_are_not_kept(fetch, hub, files):
    hub.faults.append(Fault("/cdn/", wrong=True, times=1))
    message = fetch.refused()
    assert message.startswith(f"{REPO}/{Q8_0}: sha256 ")
    assert message.endswith(
        " was downloaded. Nothing was kept: run again, and if it happens again, check HF_ENDPOINT "
        "and what stands between you and the hub."
    )
    assert list(hubcache.folder(room.cache(), REPO).glob("blobs/*")) == []
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]


def test_a_file_that_is_short_is_not_kept(fetch, hub):
    hub.faults.append(Fault("/cdn/", short_by=10))
    assert fetch.refused().startswith(
        f"{REPO}/{Q8_0}: 100,000 bytes were expected, 99,990 were downloaded. Nothing was kept: "
    )
    assert list(hubcache.folder(room.cache(), REPO).glob("blobs/*")) == []


@pytest.mark.parametrize("size", [SIZE, SIZE + 1])
def test_half_a_file_that_is_none(files, fetch, hub, size):
    """As long as the whole it is refused and thrown away; longer, it is not even looked at."""
    hub.faults.append(Fault("/cdn/", drop=True))
    fetch.refused()
    hub.faults.clear()
    (half,) = hubcache.folder(room.cache(), REPO).glob("blobs/*.incomplete")
    half.write_bytes(b"x" * size)
    if size == SIZE:
        assert "Nothing was kept: run again" in fetch.refused()
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]


# --- who may ---


def test_gated(files, fetch, hub, monkeypatch):
    hub.faults.append(Fault(gated=True))
    gated = f"{REPO} is gated: its owner wants to know who downloads it."
    other = "or take another repository of the same model."
    assert fetch.refused(UnavailableError) == (
        f"{gated} Set HF_TOKEN, or log in with `hf auth login`, {other}"
    )
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    assert fetch.refused(UnavailableError) == (
        f"{gated} The token at hand has no access: ask for it on the repository's page, {other}"
    )
    monkeypatch.setenv("HF_TOKEN", GRANTED)
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]


def test_a_token_stays_with_the_hub(files, fetch, hub, monkeypatch, tmp_path):
    """The files lie at another origin; and nothing of it stays here, or is said."""
    monkeypatch.setenv("HF_TOKEN", GRANTED)
    fetch()
    tokens = {(each.path.startswith("/cdn/"), each.token) for each in hub.requests}
    assert tokens == {(True, None), (False, GRANTED)}
    hub.faults.append(Fault("/cdn/", status=500))
    refused = fetch.refused(ModelError, "F16")
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if GRANTED.encode() in path.read_bytes()]
    assert GRANTED not in "".join([refused, *fetch.said])


@pytest.mark.parametrize("token", ["hf_secret\x01more", "hf_secret\nmore", "hf_secrét"])
def test_a_token_that_no_header_can_hold_is_not_said(fetch, hub, monkeypatch, token):
    monkeypatch.setenv("HF_TOKEN", token)
    said = fetch.refused()
    assert "secr" not in said
    assert "more" not in said
    assert REPO in said


def test_a_redirect_without_https_is_not_followed(fetch, hub, monkeypatch):
    monkeypatch.setattr(hub, "cdn_url", "http://files.example")
    assert fetch.refused() == (
        "The hub sends to http://files.example, where anybody on the way could read and change "
        "what comes. Check HF_ENDPOINT, or give the path of a GGUF."
    )


# --- two at once ---


def test_a_file_that_another_process_fetches_is_waited_for(files, fetch, hub, monkeypatch):
    monkeypatch.setattr(room, "_LOCK_SECONDS", 0.1)
    listing = room.listing(REPO)
    (file,) = listing.of("Q8_0").files
    lock = room.cache() / ".locks" / "models--o--Tiny-GGUF" / f"{file.sha256}.lock"
    lock.parent.mkdir(parents=True)
    taken, waited = threading.Event(), threading.Event()

    def other():
        with WeakFileLock(lock):
            taken.set()
            waited.wait(10)

    def say(text):
        fetch.said.append(text)
        waited.set()

    thread = threading.Thread(target=other)
    thread.start()
    taken.wait(10)
    (path,) = download.fetch(listing, [listing.of("Q8_0")], lambda *_: None, say)
    thread.join()
    assert path.read_bytes() == files[Q8_0]
    assert fetch.said == [f"Another process fetches {Q8_0}: waiting for it ..."]


# --- the disk ---


def test_a_disk_without_room_is_told_before_the_first_byte(fetch, hub, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=150_000))
    assert fetch.refused(ModelError, "F16", "Q8_0") == (
        f"Fetching tiny-F16.gguf, {Q8_0} needs 0.00 GB of disk in {room.cache()}; 0.00 GB are "
        "free. Make room, or set HF_HOME to a folder on another disk."
    )
    assert hub.requests == []


def test_what_has_come_needs_no_room_again(files, fetch, hub, monkeypatch):
    hub.faults += BREAKS
    fetch.refused()
    hub.faults.clear()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=45_000))
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]


def test_a_disk_that_becomes_full(fetch, hub, monkeypatch, files):
    receive = room.receive

    def write(listing, file, stream, *more):
        receive(listing, file, Full(stream), *more)

    with monkeypatch.context() as patch:
        patch.setattr(room, "receive", write)
        folder = hubcache.folder(room.cache(), REPO)
        assert fetch.refused() == (
            f"{folder}: cannot be written: No space left on device. Make room or permit it there, "
            "or set HF_HOME to another folder."
        )
    kept = len(fetch.half)
    assert kept == 30_000
    (path,) = fetch()
    assert path.read_bytes() == files[Q8_0]
    assert fetch.ranges == [f"bytes={kept}-"]


def test_a_file_in_the_place_of_the_cache(fetch, tmp_path):
    (tmp_path / "hf").touch()
    assert fetch.refused() == (
        f"{tmp_path}/hf/token: cannot be read: Not a directory. Check HF_HOME."
    )


def test_a_file_in_the_place_of_the_repository(fetch, tmp_path):
    room.cache().mkdir(parents=True)
    hubcache.folder(room.cache(), REPO).touch()
    assert fetch.refused() == (
        f"{hubcache.folder(room.cache(), REPO) / 'blobs'}: cannot be written: Not a directory. "
        "Make room or permit it there, or set HF_HOME to another folder."
    )
