"""MMLU-Redux from the hub: what is asked of it, and what happens without it.

The hub's client reads its variables when it is imported, so each case is a process of its own.
"""

import os
import subprocess
import sys

import pyarrow as pa
import pytest
from hub_faults import Fault

from ggufeval.errors import DataError
from ggufeval.tasks import hub as room
from ggufeval.tasks import outline

REPO = "edinburgh-dawg/mmlu-redux-2.0"
LOAD = """
import sys
from ggufeval.errors import DataError
from ggufeval.tasks import redux
try:
    labels = redux.load("hub")
    print(labels.source, len(labels.by_wording), sum(labels.by_wording.values()))
except DataError as error:
    print(error)
print("datasets imported:", "datasets" in sys.modules)
"""
SAVED = "or give a saved copy with --redux FILE."
SUBJECTS = outline.subjects()


@pytest.fixture
def hub(hub_server):
    """A stand-in for the hub that has two labelled questions of each subject."""
    folder = hub_server.folder / "datasets" / REPO
    for subject in SUBJECTS:
        rows = [
            {
                "question": f"{subject} {i}?",
                "choices": ["a", "b", "c", "d"],
                "answer": 1,
                "error_type": kind,
                "source": None,
                "correct_answer": None,
                "potential_reason": None,
            }
            for i, kind in enumerate(("ok", "wrong_groundtruth"))
        ]
        (folder / subject).mkdir(parents=True)
        table = pa.Table.from_pylist(rows)
        path = folder / subject / "data-00000-of-00001.arrow"
        with path.open("wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    return hub_server


@pytest.fixture
def load(hub_server, tmp_path):
    """A process that loads the labels, and what it says."""

    def run(**environ):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        result = subprocess.run(
            [sys.executable, "-c", LOAD],
            env=clean
            | {"NO_PROXY": "127.0.0.1", "HF_ENDPOINT": hub_server.url}
            | {"HF_HOME": str(tmp_path / "home")}
            | environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert result.stderr == ""
        *said, imported = result.stdout.splitlines()
        return "\n".join(said), imported == "datasets imported: True"

    return run


def commit(hub):
    (repository,) = hub.repositories("datasets")
    return repository.commit


def test_the_labels_are_fetched_once_and_then_served_from_the_cache(hub, load):
    expected = f"{REPO}@{commit(hub)[:8]} 114 57"
    assert load() == (expected, True)

    hub.requests.clear()
    assert load() == (expected, False)
    assert hub.requests == []

    hub.stop()
    assert load(HF_HUB_OFFLINE="1") == (expected, False)


def test_a_copy_that_lacks_a_subject_is_completed(hub, load, tmp_path):
    said, _ = load()
    folder = tmp_path / "home/hub/datasets--edinburgh-dawg--mmlu-redux-2.0/snapshots" / commit(hub)
    (folder / SUBJECTS[5] / "data-00000-of-00001.arrow").unlink()
    assert load() == (said, True)


def test_a_file_that_is_no_arrow(hub, load):
    path = hub.folder / "datasets" / REPO / SUBJECTS[3] / "data-00000-of-00001.arrow"
    path.write_bytes(b"ARROW1 it is not")
    said, _ = load()
    assert "data-00000-of-00001.arrow: expected a stream of Arrow, found something else (" in said


def test_a_hub_in_trouble(hub, load):
    hub.faults.append(Fault(status=503))
    said, _ = load()
    assert said.startswith(f"{REPO} could not be fetched from {hub.url} (HfHubHTTPError: 503")
    assert said.endswith(f"). Run again later, {SAVED}")


def test_no_network(load):
    said, _ = load(HF_ENDPOINT="http://127.0.0.1:9")
    assert said.startswith(f"{REPO} could not be fetched from http://127.0.0.1:9 (Connect")
    assert said.endswith(f"). Check the network, {SAVED}")


def test_offline_and_not_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError) as caught:
        room.redux(SUBJECTS)
    assert str(caught.value) == (
        f"{REPO} is not in the hub's cache ({tmp_path}), and --offline or HF_HUB_OFFLINE forbids "
        f"to fetch it. Run once with a network, {SAVED}"
    )
