"""What the hub lists, and what is said where it does not."""

import errno
import hashlib
import http.server
import threading

import pytest
from hub_faults import GRANTED, STRANGER, Fault
from huggingface_hub import constants

from ggufeval.catalog import hub as module
from ggufeval.catalog import hubcache
from ggufeval.catalog.repository import Listing
from ggufeval.errors import ModelError, UnavailableError, UnreachableError

REPO = "o/Tiny-GGUF"
OFFLINE = "--offline or HF_HUB_OFFLINE forbids to fetch anything"
OTHERWISE = "or give the path of a GGUF."
REFUSED = f"ConnectError: [Errno {errno.ECONNREFUSED}] Connection refused"


@pytest.fixture
def files(hub, publish):
    return publish(REPO, "tiny-F16.gguf", "tiny-Q8_0.gguf", "README.md")


@pytest.fixture
def cached(hub):
    """Puts a model into the cache, as if it had been fetched."""
    cache = module.cache()
    blob = hubcache.folder(cache, REPO) / "blobs" / ("5" * 64)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"GGUF")
    hubcache.link(cache, Listing(REPO, "a" * 40, ()), "tiny-Q8_0.gguf", blob)
    return cache


def refused(kind, repository=REPO, **options):
    with pytest.raises(kind) as caught:
        module.listing(repository, **options)
    return str(caught.value)


def test_the_listing(hub, files):
    listing = module.listing(REPO)
    assert (listing.repository, len(listing.commit), listing.absence) == (REPO, 40, "")
    assert listing.quantizations == ("F16", "Q8_0")
    (file,) = listing.of("Q8_0").files
    assert file.size_bytes == 100_000
    assert file.sha256 == hashlib.sha256(files["tiny-Q8_0.gguf"]).hexdigest()
    assert [str(request) for request in hub.requests] == [f"GET /api/models/{REPO}?blobs=true"]


def test_a_gated_repository_may_be_listed_by_anybody(hub, files):
    hub.faults.append(Fault(gated=True))
    assert module.listing(REPO).quantizations == ("F16", "Q8_0")


def test_a_repository_without_ggufs(hub, publish):
    publish("o/Tiny", "README.md", "model.safetensors")
    assert refused(UnavailableError, "o/Tiny") == (
        "o/Tiny: a repository with .gguf files was expected, and it has none. Look for one of the "
        "same model, mostly called Tiny-GGUF."
    )


@pytest.mark.parametrize("token", ["", STRANGER])
def test_no_such_repository_tells_the_nearest(hub, files, monkeypatch, token):
    monkeypatch.setenv("HF_TOKEN", token)
    assert refused(UnavailableError, "o/Tiny-GGFU") == (
        f"o/Tiny-GGFU: no such repository on {hub.url}, or a private one. Did you mean {REPO}?"
    )
    assert refused(UnavailableError, "nobody/x").endswith("or a private one. Check the name.")


@pytest.mark.usefixtures("impatient")
def test_names_of_the_owner_that_do_not_come_are_not_waited_for(hub, files):
    hub.faults.append(Fault(r"GET /api/models\?author", hang=True))
    assert refused(UnavailableError, "o/Tiny-GGFU").endswith(", or a private one. Check the name.")


def test_a_name_that_the_hub_cannot_have(hub):
    assert refused(UnavailableError, "o/a--b..c") == (
        "o/a--b..c: OWNER/REPO was expected, as the hub can have it."
    )


def test_a_token_that_is_none(hub, files, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    assert refused(UnavailableError) == (
        f"{REPO}: {hub.url} refuses access (401 Unauthorized). Check HF_TOKEN, or log in again "
        "with `hf auth login`."
    )


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "reason", "advice"),
    [
        (
            Fault(status=429, retry_after=7),
            "429 Too Many Requests",
            "Run again in 7 seconds, set HF_TOKEN",
        ),
        (Fault(status=500), "500 Internal Server Error", "Run again later"),
        (Fault(status=503), "503 Service Unavailable", "Run again later"),
        (Fault(hang=True), "ReadTimeout: timed out", "Check the network and HF_ENDPOINT"),
        (
            Fault(drop=True),
            "RemoteProtocolError: Server disconnected without sending a response",
            "Check the network and HF_ENDPOINT",
        ),
    ],
)
def test_a_hub_that_does_not_answer(hub, files, fault, reason, advice):
    hub.faults.append(fault)
    said = f"{hub.url} could not be asked for {REPO} ({reason})"
    assert refused(UnreachableError) == f"{said}. {advice}, {OTHERWISE}"


def test_the_cache_of_one_commit_is_not_taken_for_another(hub, cached):
    hub.stop()
    mine, other = "a" * 40, "b" * 40
    assert module.listing(REPO, commit=mine).commit == mine
    assert module.listing(REPO, offline=True, commit=mine).commit == mine
    assert refused(UnavailableError, offline=True, commit=other) == (
        f"{REPO} at {other} is not in the hub's cache ({cached}), and {OFFLINE}. Run once with a "
        "network, or give the path of a GGUF."
    )
    assert "could not be asked" in refused(UnreachableError, commit=other)


def test_nobody_listens(hub):
    hub.stop()
    assert refused(UnreachableError) == (
        f"{hub.url} could not be asked for {REPO} ({REFUSED}). "
        f"Check the network and HF_ENDPOINT, {OTHERWISE}"
    )


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><html><body>Log in to the hotel's network</body></html>",
        b"[]",
        b"{}",
        b'{"id": "o/Tiny-GGUF"}',
        b'{"id": "o/Tiny-GGUF", "siblings": [{"rfilename": "tiny-Q8_0.gguf"}]}',
    ],
)
def test_something_else_than_the_hub(hub, monkeypatch, page):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(constants, "ENDPOINT", url)
        message = refused(UnreachableError)
        server.shutdown()
    assert message == (
        f"{url} could not be asked for {REPO} (the answer is not a hub's). Check the network and "
        f"HF_ENDPOINT, {OTHERWISE}"
    )


def test_without_an_answer_the_cache_is_the_repository(hub, cached):
    hub.stop()
    listing = module.listing(REPO)
    assert listing.quantizations == ("Q8_0",)
    assert listing.absence == f"{hub.url} could not be asked for {REPO} ({REFUSED})"


def test_a_repository_that_is_gone_is_not_taken_from_the_cache(hub, cached):
    assert "no such repository" in refused(UnavailableError)


def test_offline_nobody_is_asked(hub, files, cached):
    listing = module.listing(REPO, offline=True)
    assert (listing.quantizations, listing.absence) == (("Q8_0",), OFFLINE)
    assert refused(UnavailableError, "o/other", offline=True) == (
        f"o/other is not in the hub's cache ({cached}), and {OFFLINE}. Run once with a network, or "
        "give the path of a GGUF."
    )
    assert hub.requests == []


def test_the_variable_says_offline_too(hub, monkeypatch):
    assert not module.is_offline()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert module.is_offline()


def test_the_token_goes_to_the_hub_alone(hub, files, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", GRANTED)
    listing = module.listing(REPO)
    (file,) = listing.of("Q8_0").files
    with (tmp_path / "half").open("ab") as stream:
        module.receive(listing, file, stream, lambda _: None, print)
    assert (tmp_path / "half").read_bytes() == files["tiny-Q8_0.gguf"]
    assert [request.token for request in hub.requests] == [GRANTED, GRANTED, None]


def test_a_file_that_is_gone_since_it_was_listed(hub, files, tmp_path):
    listing = module.listing(REPO)
    (file,) = listing.of("Q8_0").files
    (hub.folder / "models" / REPO / file.name).unlink()
    with (tmp_path / "half").open("ab") as stream, pytest.raises(ModelError) as caught:
        module.receive(listing, file, stream, lambda _: None, print)
    assert str(caught.value) == f"{REPO} has changed since it was listed. Run again."
