"""Only protected addresses are asked."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ggufeval import endpoint
from ggufeval.errors import UsageError

PROTECTED = "https://huggingface.co https://mirror.example/hf http://127.0.0.1:8000 http://[::1]:80"
OPEN = "http://huggingface.co http://127.0.0.1.example http://localhost.example ftp://x hf.co"


@pytest.mark.parametrize("address", [*PROTECTED.split(), "http://localhost:1234"])
def test_https_and_this_machine_are_asked(address):
    endpoint.check(address)


@pytest.mark.parametrize("address", [*OPEN.split(), "file:///etc", ""])
def test_nothing_else_is(address):
    with pytest.raises(UsageError, match="https:// was expected"):
        endpoint.check(address)


@pytest.mark.parametrize("what", [["run", "owner/repo:Q8_0"], ["run", "MODEL", "--task", "mmlu"]])
def test_models_and_questions_are_not_fetched_over_plain_http(what, smollm2, tmp_path):
    args = [str(smollm2) if name == "MODEL" else name for name in what]
    hub = {"HF_ENDPOINT": "http://hub.example", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "ggufeval", *args, "--db", str(tmp_path / "db.sqlite")],
        capture_output=True,
        text=True,
        env=os.environ | hub,
        check=False,
    )
    assert done.returncode == 2
    assert "Error: HF_ENDPOINT=http://hub.example" in done.stderr
    assert "Traceback" not in done.stderr


def test_who_asks_is_not_shown():
    assert endpoint.shown("https://me:pass@mirror.example/hf") == "https://mirror.example/hf"
    assert (
        endpoint.shown("ConnectError: http://t@h:1 is gone") == "ConnectError: http://h:1 is gone"
    )
    assert endpoint.shown("https://h.example/a@b") == "https://h.example/a@b"
    with pytest.raises(UsageError) as told:
        endpoint.check("http://me:pass@mirror.example")
    assert "pass" not in str(told.value)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("at https://me:pass@hub.example/x?y", "at https://hub.example/x?y"),
        ("Illegal header value b'Bearer hf_secret\\x01'", "Illegal header value b'Bearer '"),
        ("nothing @ all // here", "nothing @ all // here"),
    ],
)
def test_neither_password_nor_token_is_shown(said, shown):
    assert endpoint.shown(said) == shown
