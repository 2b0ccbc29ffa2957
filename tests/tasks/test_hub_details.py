"""Meta's evals from the hub: what is asked of it, and what happens without it.

The hub's client reads its variables when it is imported, so each case is a process of its own.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub_faults import GRANTED, STRANGER, Fault

from ggufeval.errors import DataError
from ggufeval.tasks import hub as room
from ggufeval.types import Question

NAME = "Llama-3.2-1B-Instruct-evals"
REPO = f"meta-llama/{NAME}"
ROWS = f"{NAME}/Details_mmlu_2024-09-23T15-26-30.123456.parquet.gzip"
OTHER = f"{NAME}/Details_mmlu_pro_2024-09-23T15-26-30.654321.parquet.gzip"
CARD = f"""\
---
language: en
configs:
- config_name: {NAME}__mmlu_pro__details
  data_files:
  - split: latest
    path:
    - >-
      {OTHER}
- config_name: {NAME}__mmlu__details
  data_files:
  - split: latest
    path:
    - >-
      {ROWS}
---
# Meta's evals
"""
LOAD = """
import sys
from pathlib import Path
from ggufeval import tasks
from ggufeval.errors import DataError
try:
    data = Path(sys.argv[1]) if sys.argv[1:] else None
    questions = tasks.load("meta-rows", data)
    print(questions.source, *[question.id for question in questions.questions])
except DataError as error:
    print(error)
print("datasets imported:", "datasets" in sys.modules)
"""
SAVED = "or give a saved copy with --data FILE."
GATED = (
    f"{REPO} is gated: ask for access on its page on the hub with your account, then set "
    f"HF_TOKEN; {SAVED}"
)


@pytest.fixture
def hub(hub_server, meta_row):
    """A stand-in for the hub that has such a data set."""
    folder = hub_server.folder / "datasets" / REPO
    (folder / NAME).mkdir(parents=True)
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    for file, stem in ((ROWS, "Which?"), (OTHER, "Another?")):
        row = meta_row(Question("x", "law", stem, ("a", "b", "c", "d"), 1))
        pq.write_table(pa.Table.from_pylist([row]), folder / file, compression="gzip")
    return hub_server


@pytest.fixture
def load(hub_server, tmp_path):
    """A process that loads the rows, and what it says."""

    def run(*arguments, **environ):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        result = subprocess.run(
            [sys.executable, "-c", LOAD, *arguments],
            env=clean
            | {"NO_PROXY": "127.0.0.1", "HF_ENDPOINT": hub_server.url}
            | {"HF_HOME": str(tmp_path / "home")}
            | environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert result.stderr == ""
        *said, imported = result.stdout.splitlines()
        return "\n".join(said), imported == "datasets imported: True"

    return run


def commit(hub):
    (repository,) = hub.repositories("datasets")
    return repository.commit


def test_the_rows_are_fetched_once_and_then_served_from_the_cache(hub, load):
    expected = f"{REPO}@{commit(hub)[:8]} meta-rows/law/0"
    sha256 = hashlib.sha256((hub.folder / "datasets" / REPO / ROWS).read_bytes()).hexdigest()

    assert load() == (expected, True)
    assert f"GET /cdn/{sha256}/{ROWS}" in map(str, hub.requests)
    assert not any(OTHER in request.path for request in hub.requests)

    hub.requests.clear()
    assert load() == (expected, False)
    assert hub.requests == []

    hub.stop()
    assert load(HF_HUB_OFFLINE="1") == (expected, False)


def test_a_copy_that_lacks_the_rows_is_completed(hub, load, tmp_path):
    load()
    snapshot = tmp_path / "home/hub" / f"datasets--meta-llama--{NAME}" / "snapshots" / commit(hub)
    (snapshot / ROWS).unlink()
    said, imported = load()
    assert (said.split()[-1], imported) == ("meta-rows/law/0", True)


@pytest.mark.parametrize(
    "card",
    [
        CARD.replace(">-\n      ", ""),
        CARD.replace(f">-\n      {ROWS}", f"'{ROWS}'"),
        CARD.replace(f"path:\n    - >-\n      {ROWS}", f"path: {NAME}/Details_mmlu_2*"),
        CARD.replace(
            f"split: latest\n    path:\n    - >-\n      {ROWS}", f"path: {ROWS}\n    split: latest"
        ),
    ],
)
def test_other_ways_to_write_a_card(hub, load, card):
    (hub.folder / "datasets" / REPO / "README.md").write_text(card, encoding="utf-8")
    for _ in range(2):
        assert load()[0].split()[-1] == "meta-rows/law/0"


def test_another_repository(hub, load):
    other = "meta-llama/Llama-3.2-3B-Instruct-evals"
    folder = hub.folder / "datasets"
    (folder / REPO).rename(folder / other)
    card = folder / other / "README.md"
    card.write_text(CARD.replace("1B-Instruct-evals__", "3B-Instruct-evals__"), encoding="utf-8")
    assert load(other)[0] == f"{other}@{commit(hub)[:8]} meta-rows/law/0"


@pytest.mark.parametrize(
    "card",
    [CARD.replace("__mmlu__details", "__mmlu__0_shot__cot__details"), CARD.replace("latest", "x")],
)
def test_a_repository_without_mmlu(hub, load, card):
    (hub.folder / "datasets" / REPO / "README.md").write_text(card, encoding="utf-8")
    assert load()[0] == (
        f"{REPO} has no rows of MMLU: expected the config {NAME}__mmlu__details with the split "
        f"latest, found none. Name another repository, {SAVED}"
    )


# --- what goes wrong ---


@pytest.mark.parametrize("environ", [{}, {"HF_TOKEN": STRANGER}])
def test_the_gate(hub, load, environ):
    hub.faults.append(Fault(gated=True))
    assert load(**environ) == (GATED, True)


def test_the_gate_is_open_with_a_token(hub, load):
    hub.faults.append(Fault(gated=True))
    assert load(HF_TOKEN=GRANTED)[0].split()[-1] == "meta-rows/law/0"
    assert load()[0].split()[-1] == "meta-rows/law/0", "what was fetched is the user's"


def test_a_repository_that_is_not_there(hub, load):
    said, _ = load("meta-llama/Llama-9-evals")
    assert said == (
        f"meta-llama/Llama-9-evals could not be fetched from {hub.url} (RepositoryNotFoundError: "
        f"401 Invalid username or password). Check its name, HF_ENDPOINT and HF_TOKEN, {SAVED}"
    )


@pytest.mark.parametrize(
    ("fault", "reason", "advice"),
    [
        (Fault(status=503), "HfHubHTTPError: 503", "Run again later"),
        (
            Fault(status=429, retry_after=7),
            "HfHubHTTPError: 429",
            "Run again in 7 seconds, or set HF_TOKEN",
        ),
        (Fault("GET /cdn/", status=500), "HfHubHTTPError: 500", "Run again later"),
        (Fault("/cdn/", cut_after=10, how="reset"), "ReadError: ", "Check the network"),
        (
            Fault("/tree/", status=400),
            "FileNotFoundError: the files that its card names cannot be listed). Check",
            "Check the network",
        ),
    ],
)
def test_a_hub_in_trouble(hub, load, fault, reason, advice):
    hub.faults.append(fault)
    said, _ = load()
    assert said.startswith(f"{REPO} could not be fetched from {hub.url} ({reason}")
    assert f"). {advice}, " in said
    assert said.endswith(SAVED)


@pytest.mark.parametrize("what", ["dataset_infos", "yaml"])
def test_a_hub_that_fails_between_the_card_and_the_rows(hub, load, what):
    hub.faults.append(Fault(what, drop=True))
    said, _ = load()
    assert said.startswith(f"{REPO} could not be fetched from {hub.url} (")
    assert said.endswith(f"). Check the network, {SAVED}")


def test_no_network(load):
    said, _ = load(HF_ENDPOINT="http://127.0.0.1:9")
    assert said.startswith(f"{REPO} could not be fetched from http://127.0.0.1:9 (Connect")
    assert said.endswith(f"). Check the network, {SAVED}")


def test_offline_and_not_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(DataError) as caught:
        room.details(REPO, offline=True)
    assert str(caught.value) == (
        f"{REPO} is not in the hub's cache ({tmp_path}), and --offline or HF_HUB_OFFLINE forbids "
        f"to fetch it. Run once with a network, {SAVED}"
    )


def test_bytes_that_the_hub_did_not_promise(hub, load):
    hub.faults.append(Fault("GET /cdn/", wrong=True, times=1))
    for _ in range(2):
        said, _imported = load()
        assert "is damaged: the hub promised sha256 " in said
        assert said.endswith(f"Delete it and run again, {SAVED}")
    Path(said.split(" is damaged")[0]).unlink()
    assert load()[0].split()[-1] == "meta-rows/law/0"
