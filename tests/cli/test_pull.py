"""Downloads in processes of their own: killed, interrupted, two at once, by the real variables."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_faults import Fault

REPO = "o/Tiny-GGUF"
Q8_0 = "tiny-Q8_0.gguf"
SIZE = 4_000_000
SLOW = Fault("/cdn/", delay=0.05)
"""Three seconds for all of it."""
# Where tests run in the background, SIGINT is ignored, which children inherit.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from ggufeval.cli import main
main()
"""


@pytest.fixture
def content(publish) -> bytes:
    return publish(REPO, Q8_0, size=SIZE)[Q8_0]


@pytest.fixture
def pull(hub_server, tmp_path) -> Callable[..., subprocess.Popen[str]]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))
    }
    settings = {
        "HF_ENDPOINT": hub_server.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GGUFEVAL_CACHE": str(tmp_path / "cache"),
        "NO_PROXY": "127.0.0.1",
    }

    def start(*arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "models", "pull", *(arguments or (f"{REPO}:Q8_0",))],
            env=clean | settings | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def half(tmp_path) -> Callable[[], int]:
    """Waits until some of the file has come; how much."""

    def wait() -> int:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for path in tmp_path.glob("hf/hub/models--o--Tiny-GGUF/blobs/*.incomplete"):
                if (size := path.stat().st_size) > 300_000:
                    return size
            time.sleep(0.02)
        raise AssertionError("nothing comes")

    return wait


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


def fetched(process: subprocess.Popen[str]) -> bytes:
    status, out, err = end(process)
    assert status == 0, err
    return Path(out.strip()).read_bytes()


def ranges(hub_server) -> list[str | None]:
    return [each.range for each in hub_server.requests if each.path.startswith("/cdn/")]


def test_a_download_that_is_killed_goes_on(hub_server, content, pull, half):
    hub_server.faults.append(SLOW)
    with pull() as process:
        half()
        process.kill()
    kept = half()
    hub_server.requests.clear()

    assert fetched(pull()) == content

    assert ranges(hub_server) == [f"bytes={kept}-"]
    assert kept >= 300_000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to a process")
def test_ctrl_c_keeps_what_has_come(hub_server, content, pull, half):
    hub_server.faults.append(SLOW)
    with pull() as process:
        half()
        process.send_signal(signal.SIGINT)
        status, out, err = end(process)
    assert (status, out) == (130, "")
    assert err.splitlines()[-1].startswith("Interrupted. What is done is stored: repeat the comm")
    kept = half()
    hub_server.requests.clear()
    assert fetched(pull()) == content
    assert ranges(hub_server) == [f"bytes={kept}-"]


def test_two_at_once_fetch_it_once(hub_server, content, pull):
    hub_server.faults.append(SLOW)
    with pull() as one, pull() as other:
        results = [end(one), end(other)]
    assert [status for status, _, _ in results] == [0, 0]
    assert results[0][1] == results[1][1]
    assert Path(results[0][1].strip()).read_bytes() == content
    assert ranges(hub_server) == [None]


def test_the_other_goes_on_where_one_is_killed(hub_server, content, pull, half):
    hub_server.faults.append(SLOW)
    with pull() as one:
        half()
        with pull() as other:
            one.kill()
            assert fetched(other) == content
    first, second = ranges(hub_server)
    assert first is None
    assert second is not None


def test_the_variables_of_the_client(hub_server, content, pull, tmp_path):
    status, _, err = end(pull(HF_HUB_OFFLINE="1"))
    assert status == 2
    assert err == (
        f"Error: {REPO} is not in the hub's cache ({tmp_path}/hf/hub), and --offline or "
        "HF_HUB_OFFLINE forbids to fetch anything. Run once with a network, or give the path of a "
        "GGUF.\n"
    )
    assert hub_server.requests == []
    assert fetched(pull(HF_HUB_CACHE=str(tmp_path / "other"))) == content
    assert list(tmp_path.iterdir()) == [tmp_path / "other"]
    hub_server.stop()
    offline = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "other")}
    assert fetched(pull(**offline)) == content


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("http://127.0.0.1:9", f"ConnectError: [Errno {errno.ECONNREFUSED}] Connection refused"),
        ("https://no.such.host.invalid", "ConnectError: [Errno -"),
    ],
)
def test_an_endpoint_that_is_no_hub(pull, endpoint, reason):
    status, _, err = end(pull(HF_ENDPOINT=endpoint))
    assert status == 2
    assert err.startswith(f"Error: {endpoint} could not be asked for {REPO} ({reason}")
    assert err.endswith("). Check the network and HF_ENDPOINT, or give the path of a GGUF.\n")


def test_a_file_in_the_place_of_the_home(content, pull, tmp_path):
    (tmp_path / "hf").touch()
    status, _, err = end(pull())
    assert status == 2
    assert err == f"Error: {tmp_path}/hf/token: cannot be read: Not a directory. Check HF_HOME.\n"
