"""What is asked of the hub, and what happens without it.

The hub's client reads its variables when it is imported, so each case is a process of its own.
"""

import os
import subprocess
import sys
import time

import pytest

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


def test_the_two_splits_are_fetched_once_and_then_served_from_the_cache(hub, tmp_path):
    environ = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}

    first = run(LOAD, **environ)

    assert first.stdout == LOADED + "datasets imported: True\n"
    assert first.stderr == ""
    # What else the client asks for (which agents there are, say) is its own business.
    assert [request for request in hub.requests if "cais/mmlu" in request] == [
        f"GET /api/datasets/cais/mmlu/revision/{REVISION}",
        f"HEAD {FILES}/test-00000-of-00001.parquet",
        f"GET {FILES}/test-00000-of-00001.parquet",
        f"HEAD {FILES}/dev-00000-of-00001.parquet",
        f"GET {FILES}/dev-00000-of-00001.parquet",
    ]

    hub.requests.clear()
    again = run(LOAD, **environ)
    assert again.stdout == LOADED + "datasets imported: False\n"
    assert hub.requests == []

    hub.shutdown()
    hub.server_close()
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
    hub.status = 503
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
