"""kill -9 at random moments: are the final records those of an undisturbed run, bit for bit?

    python scripts/kill_and_resume.py MODEL.gguf [--kills 10] [--seed 0]

Runs the embedded questions once undisturbed. Then starts the same run again and again on another
database, kills the whole process group at a random moment, and lets the last one finish.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ggufeval.errors import StoreError
from ggufeval.store import Store
from ggufeval.types import Record


def records(database: Path) -> list[Record]:
    """Of the one run; none where it was killed before it began."""
    try:
        with Store.open(database, read_only=True) as store:
            runs = store.runs()
            return list(store.result(runs[0].id).records) if runs else []
    except StoreError:
        return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    command = [sys.executable, "-m", "ggufeval", "run", str(options.model), "--task", "sample"]
    command += ["-b", "512", "--db"]
    with tempfile.TemporaryDirectory() as folder:
        calm, rough = Path(folder) / "calm.sqlite", Path(folder) / "rough.sqlite"
        started = time.monotonic()
        subprocess.run([*command, str(calm)], check=True, capture_output=True)
        length = time.monotonic() - started
        for i in range(options.kills):
            with subprocess.Popen(
                [*command, str(rough)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            ) as process:
                time.sleep(moments.uniform(0.1, length / options.kills + 2.0))
                os.killpg(process.pid, signal.SIGKILL)
            print(f"kill {i + 1}: {len(records(rough))} records stored", flush=True)
        subprocess.run([*command, str(rough)], check=True, capture_output=True)
        equal = records(rough) == records(calm)
        print(f"{options.kills} kills, {len(records(rough))} records, equal bit for bit: {equal}")
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
