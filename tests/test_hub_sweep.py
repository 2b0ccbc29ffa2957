"""The main job from end to end: models and questions from the hub, and again without it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub_stand_in import HubStandIn

from ggufeval import runner
from ggufeval.llama.client import ModelProcess

REPO = "bartowski/Llama-3.2-1B-Instruct-GGUF"
LEVELS = ("F16", "Q8_0", "Q4_K_M", "Q2_K")
COMMAND = ("sweep", "llama-3.2-1b-instruct", "--quants", ",".join(LEVELS), "--limit", "16")
COMMAND += ("--shots", "0", "--prompt", "meta")


@pytest.fixture(scope="module")
def hub(llama3_tiny: Path, tmp_path_factory: pytest.TempPathFactory):
    """Three of the four levels, and an MMLU of two subjects."""
    folder = tmp_path_factory.mktemp("hub")
    models = folder / "models" / REPO
    models.mkdir(parents=True)
    (models / "Llama-3.2-1B-Instruct-f16.gguf").hardlink_to(llama3_tiny)
    for level in ("Q8_0", "Q4_K_M"):
        with ModelProcess() as process:
            target = models / f"Llama-3.2-1B-Instruct-{level}.gguf"
            process.quantize([llama3_tiny], target, level, runner.physical_cores())
        # Whoever published it did not use our program.
        target.write_bytes(target.read_bytes().replace(b"ggufeval.", b"elsewhere"))
    write_mmlu(folder / "datasets" / "cais" / "mmlu" / "all")
    with HubStandIn(folder) as server:
        yield server


def write_mmlu(folder: Path) -> None:
    folder.mkdir(parents=True)
    for split, n in (("test", 10), ("dev", 5)):
        rows = [
            {
                "question": f"Which is the {split} answer number {row}?",
                "subject": subject,
                "choices": ["one", "two", "three", "four"],
                "answer": row % 4,
            }
            for subject in ("anatomy", "astronomy")
            for row in range(n)
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}-00000-of-00001.parquet")


@pytest.fixture(scope="module")
def ggufeval(
    hub: HubStandIn, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The program, with everything that it keeps in one empty folder."""
    folder = tmp_path_factory.mktemp("user")
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))
    }
    settings = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "hf"),
        "GGUFEVAL_CACHE": str(folder / "cache"),
        "GGUFEVAL_DB": str(folder / "results.sqlite"),
        "NO_PROXY": "127.0.0.1",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ggufeval", *arguments],
            env=clean | settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


def test_a_sweep_over_the_hub_then_offline_then_without_a_network(hub, ggufeval):
    first = ggufeval(*COMMAND)

    assert first.returncode == 0, first.stderr
    assert "cais/mmlu" in first.stdout
    assert "Made here from F16, without an importance matrix: Q2_K." in first.stdout
    lines = first.stderr.splitlines()
    assert lines[0] == f"{REPO} has no Q2_K: to be made from its F16."
    assert lines[1].startswith("Fetching llama-3.2-1b-instruct (")
    assert "Quantizing Llama-3.2-1B-Instruct F16 to Q2_K ..." in lines
    for level in LEVELS:
        assert any(
            line.startswith(f"Llama-3.2-1B-Instruct {level}: 16 of 16 questions") for line in lines
        )
    models = [str(each) for each in hub.requests if "/resolve/" in str(each) and REPO in str(each)]
    assert len(models) == 3

    hub.stop()
    offline = ggufeval(*COMMAND, "--offline")
    without = ggufeval(*COMMAND)

    for again in (offline, without):
        assert again.returncode == 0, again.stderr
        assert again.stdout == first.stdout  # the speeds too: nothing was run again
        assert "of 16 questions" not in again.stderr
        assert "Quantizing" not in again.stderr
        assert "Fetching" not in again.stderr
    note = f"Note: {hub.url} could not be asked for {REPO} (ConnectError: "
    assert without.stderr.startswith(note)
    assert note not in offline.stderr
