"""What is asked of the hub, and what happens without it.

The hub's client reads its variables when it is imported, so each case is a process of its own.
"""

import hashlib
import os
import subprocess
import sys
import time

import pytest
from hub_faults import GRANTED, STRANGER, Fault
from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store

from ggufeval.errors import DataError
from ggufeval.tasks import hub as room

REVISION = "c30699e8356da336a370243923dbaf21066bb9fe"
FILES = f"/datasets/cais/mmlu/resolve/{REVISION}/all"
LOAD = """
import sys
from ggufeval import tasks
from ggufeval.errors import DataError
try:
    questions = tasks.load("mmlu", None)
    print(questions.source, *[question.id for question in questions.questions])
except DataError as error:
    print(error)
print("datasets imported:", "datasets" in sys.modules)
"""
IDS = "mmlu/test/anatomy/0 mmlu/test/anatomy/1 mmlu/test/astronomy/0"
LOADED = f"cais/mmlu@c30699e8 {IDS}\n"


def run(code, **environ):
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        env=clean | {"NO_PROXY": "127.0.0.1"} | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def parquet(hub, split):
    return hub.folder / "datasets" / "cais" / "mmlu" / "all" / f"{split}-00000-of-00001.parquet"


def sha256(hub, split):
    return hashlib.sha256(parquet(hub, split).read_bytes()).hexdigest()


def test_the_two_splits_are_fetched_once_and_then_served_from_the_cache(hub, tmp_path):
    environ = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}

    first = run(LOAD, **environ)

    assert first.stdout == LOADED + "datasets imported: True\n"
    assert first.stderr == ""
    test, dev = (sha256(hub, split) for split in ("test", "dev"))
    assert [str(request) for request in hub.requests] == [
        f"GET /api/datasets/cais/mmlu/revision/{REVISION}",
        f"HEAD {FILES}/test-00000-of-00001.parquet",
        f"GET /cdn/{test}/all/test-00000-of-00001.parquet",
        f"HEAD {FILES}/dev-00000-of-00001.parquet",
        f"GET /cdn/{dev}/all/dev-00000-of-00001.parquet",
    ]

    hub.requests.clear()
    again = run(LOAD, **environ)
    assert again.stdout == LOADED + "datasets imported: False\n"
    assert hub.requests == []

    hub.stop()
    offline = run(LOAD, HF_HUB_OFFLINE="1", **environ)
    assert offline.stdout == LOADED + "datasets imported: False\n"
    assert offline.stderr == ""


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_offline_and_not_in_the_cache(monkeypatch, tmp_path, value):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", value)

    with pytest.raises(DataError) as caught:
        room.parquet_files(offline=False)

    assert str(caught.value) == (
        f"MMLU is not in the hub's cache ({tmp_path}), and --offline or HF_HUB_OFFLINE forbids to "
        "fetch it. Run once with a network, or give a local copy with --data PATH, or try the "
        "embedded questions with --task sample."
    )


def test_the_option_offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(DataError, match="--offline or HF_HUB_OFFLINE forbids"):
        room.parquet_files(offline=True)


def test_half_a_cache_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "datasets--cais--mmlu" / "snapshots" / REVISION / "all"
    snapshot.mkdir(parents=True)
    (snapshot / "test-00000-of-00001.parquet").touch()
    with pytest.raises(DataError, match="not in the hub's cache"):
        room.parquet_files(offline=True)

    (snapshot / "dev-00000-of-00001.parquet").touch()
    assert room.parquet_files(offline=True) == {
        "test": snapshot / "test-00000-of-00001.parquet",
        "dev": snapshot / "dev-00000-of-00001.parquet",
    }


def test_no_network(tmp_path):
    start = time.monotonic()
    # The port for `discard`: nobody listens.
    result = run(LOAD, HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(tmp_path))

    message = result.stdout.splitlines()[0]
    # ConnectError or ConnectionError, as the client's HTTP library has it.
    assert message.startswith("MMLU could not be fetched from http://127.0.0.1:9 (Connect")
    assert message.endswith(
        "). Check the network, or give a local copy with --data PATH, or try the embedded "
        "questions with --task sample."
    )
    assert result.stderr == ""
    assert time.monotonic() - start < 20, "it must not try again and again"


def test_a_hub_in_trouble(hub, tmp_path):
    hub.faults.append(Fault(status=503))
    result = run(LOAD, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path))
    assert result.stdout.startswith(f"MMLU could not be fetched from {hub.url} (HfHubHTTPError: ")
    assert "503" in result.stdout
    assert "or give a local copy with --data PATH" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"XDG_CACHE_HOME": "/xdg"},
        {"HF_HOME": "~/hf"},
        {"HF_HOME": "$HOME/hf", "XDG_CACHE_HOME": "/xdg"},
        {"HF_HOME": "/hf", "HUGGINGFACE_HUB_CACHE": "/old"},
        {"HF_HOME": "/hf", "HUGGINGFACE_HUB_CACHE": "/old", "HF_HUB_CACHE": "/new"},
    ],
)
def test_the_cache_is_where_the_client_has_it(monkeypatch, environ):
    monkeypatch.setenv("HOME", "/home/ada")
    client = run(
        "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)",
        HOME="/home/ada",
        **environ,
    )
    assert str(room.cache_folder(environ)) == client.stdout.strip() != ""


OTHERWISE = (
    "or give a local copy with --data PATH, or try the embedded questions with --task sample.\n"
)
GATED = (
    "MMLU is gated: ask for access on its page on the hub with your account, then set HF_TOKEN; "
    f"{OTHERWISE}"
)
CHECK = f"Check HF_ENDPOINT and HF_TOKEN, {OTHERWISE}"
NETWORK = f"Check the network, {OTHERWISE}"
SHORT = "OSError: Consistency check failed: file should be of size "
TROUBLE = [
    (Fault(times=0), {"HF_TOKEN": "hf_old"}, ("HfHubHTTPError: 401 Invalid credentials", CHECK)),
    (
        Fault(status=429, retry_after=7),
        {},
        (
            "HfHubHTTPError: 429 We had to rate",
            f"Run again in 7 seconds, or set HF_TOKEN, {OTHERWISE}",
        ),
    ),
    (
        Fault("GET /cdn/", status=500),
        {},
        ("HfHubHTTPError: 500 Internal Error", f"Run again later, {OTHERWISE}"),
    ),
    (Fault(cut_after=100, how="reset"), {}, ("ReadError: [Errno ", NETWORK)),
    (Fault(short_by=9), {}, (SHORT, NETWORK)),
    (Fault(hang=True), {"HF_HUB_ETAG_TIMEOUT": "1"}, ("ReadTimeout: timed out", NETWORK)),
    (
        Fault(cut_after=100, how="stall"),
        {"HF_HUB_DOWNLOAD_TIMEOUT": "1"},
        ("ReadTimeout: timed out", NETWORK),
    ),
]


@pytest.mark.parametrize(("fault", "environ", "expected"), TROUBLE)
def test_what_the_client_gives_up_on(hub, tmp_path, fault, environ, expected):
    hub.faults.append(fault)
    result = run(LOAD, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path), **environ)

    reason, advice = expected
    assert result.stdout.startswith(f"MMLU could not be fetched from {hub.url} ({reason}")
    assert result.stdout.endswith(f"). {advice}datasets imported: True\n")


@pytest.mark.parametrize("environ", [{}, {"HF_TOKEN": STRANGER}])
def test_a_gate(hub, tmp_path, environ):
    hub.faults.append(Fault(gated=True))
    result = run(LOAD, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path), **environ)
    assert result.stdout == f"{GATED}datasets imported: True\n"
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("missing", "reason", "advice"),
    [
        (
            "",
            "RepositoryNotFoundError: 401 Invalid username or password",
            f"Check its name, HF_ENDPOINT and HF_TOKEN, {OTHERWISE}",
        ),
        ("all", "RemoteEntryNotFoundError: 404 Entry not found", CHECK),
    ],
)
def test_what_is_not_there(hub, tmp_path, missing, reason, advice):
    folder = hub.folder / "datasets" / "cais" / "mmlu" / missing
    folder.rename(tmp_path / "elsewhere")
    result = run(LOAD, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path))
    assert f" ({reason}). {advice}" in result.stdout


@pytest.mark.parametrize(
    ("fault", "environ"),
    [
        (Fault(gated=True), {"HF_TOKEN": GRANTED}),
        (Fault("HEAD ", status=429, times=1), {}),
        (Fault(cut_after=100, times=1), {}),
        (Fault(cut_after=100, how="stall", times=1), {"HF_HUB_DOWNLOAD_TIMEOUT": "1"}),
        (Fault("GET .*/test-", delay=0.2), {"HF_HUB_DOWNLOAD_TIMEOUT": "1"}),
    ],
)
def test_what_the_client_gets_over(hub, tmp_path, fault, environ):
    hub.faults.append(fault)
    result = run(LOAD, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path), **environ)
    assert result.stdout == LOADED + "datasets imported: True\n"


def test_no_place_for_the_cache(hub, tmp_path):
    (tmp_path / "file").touch()
    result = run(LOAD, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "file"))
    assert f"). Set HF_HOME to a folder that can be written, {OTHERWISE}" in result.stdout


def test_bytes_that_the_hub_did_not_promise(hub, tmp_path):
    """The client keeps them for good, under the name that the right ones would have."""
    hub.faults.append(Fault("GET .*/test-", wrong=True, times=1))
    environ = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)}
    blob = tmp_path / "hub" / "datasets--cais--mmlu" / "blobs" / sha256(hub, "test")
    expected = (
        f"{blob} is damaged: the hub promised sha256 {blob.name}, and it has FOUND. "
        f"Delete it and run again, {OTHERWISE}"
    )

    for imported in (True, False):
        result = run(LOAD, **environ)
        found = hashlib.sha256(blob.read_bytes()).hexdigest()
        assert found != blob.name
        assert result.stdout == (
            expected.replace("FOUND", found) + f"datasets imported: {imported}\n"
        )

    blob.unlink()
    assert run(LOAD, **environ).stdout == LOADED + "datasets imported: True\n"


def test_bytes_that_the_client_shares_between_repositories(hub, tmp_path):
    """As it does where they came over Xet: behind the sha256 is a file called by another hash."""
    environ = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)}
    run(LOAD, **environ)
    blob = tmp_path / "hub" / "datasets--cais--mmlu" / "blobs" / sha256(hub, "test")
    xet_hash = "5" * 64
    publish_blob_to_shared_store(
        blob_path=str(blob),
        xet_hash=xet_hash,
        cache_dir=tmp_path / "hub",
        expected_size=blob.stat().st_size,
    )
    shared = tmp_path / "hub" / "blobs" / "55" / xet_hash
    assert blob.resolve() == shared

    assert run(LOAD, **environ).stdout == LOADED + "datasets imported: False\n"
    shared.write_bytes(b"PAR1")
    result = run(LOAD, **environ)
    assert f"{shared} is damaged: the hub promised sha256 {blob.name}" in result.stdout
