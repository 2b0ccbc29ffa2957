"""The commands that faults.py disturbs: how each is called, and what it must have made in the end.

Each takes a second or a few with a small model, and works in a folder of its own.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hub_faults import Fault
from hub_stand_in import HubStandIn

from ggufeval.store import Store
from ggufeval.types import Record

REPOSITORY, FILE = "o/Tiny-GGUF", "tiny-Q8_0.gguf"
SIZE = 8_000_000
SLOW = Fault("/cdn/", delay=0.02)
"""A little over two seconds for the file."""
LEVELS = "Q8_0,Q4_0"
QUESTIONS = ["--task", "sample", "--limit", "48", "--shots", "1", "-b", "256", "-ub", "128"]
# What was started in the background ignores SIGINT, and so would its children.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from ggufeval.cli import main
main()
"""

Result = dict[str, object]
"""What there is -> its content, or the hash of that."""


@dataclass(frozen=True)
class Command:
    """One command of ggufeval in a folder of its own."""

    name: str
    arguments: Callable[[Path], list[str]]
    result: Callable[[Path], Result]
    environment: Mapping[str, str]

    def start(self, folder: Path) -> subprocess.Popen[str]:
        """In a process group of its own, its temporary files in the folder too."""
        temporary = folder / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        places = {
            "GGUFEVAL_CACHE": str(folder / "cache"),
            "HF_HOME": str(folder / "hf"),
            "TMPDIR": str(temporary),
        }
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *self.arguments(folder)],
            env={**_clean(), **places, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, folder: Path) -> tuple[int, str]:
        """Undisturbed: the exit status, and what it said."""
        return ended(self.start(folder))


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    with process:
        _, said = process.communicate()
    return process.returncode, said


def kill(process: subprocess.Popen[str]) -> None:
    """As `kill -9` does to the whole group: nobody can clean up."""
    with process:
        os.killpg(process.pid, signal.SIGKILL)


def commands(model: Path, hub: HubStandIn, study: Path) -> dict[str, Command]:
    """By name. `study` is a database with finished runs, for `bundle`."""
    _publish(hub)
    asked = {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}
    plain = run(model)

    def sweep(folder: Path) -> list[str]:
        report = ["-o", str(folder / "report.html"), "--db", str(database(folder))]
        return ["sweep", str(model), "--quants", LEVELS, *QUESTIONS, *report]

    def quantize(_: Path) -> list[str]:
        return ["quantize", str(model), "--to", LEVELS, "--allow-requantize"]

    def bundle(folder: Path) -> list[str]:
        return ["bundle", "--db", str(study), "-o", str(folder / "study.ggb")]

    def swept(folder: Path) -> Result:
        there = {"report": (folder / "report.html").is_file()}
        return records(database(folder)) | files(folder / "cache") | there

    found = (
        plain,
        Command("sweep", sweep, swept, {}),
        Command("quantize", quantize, lambda folder: files(folder / "cache"), {}),
        Command(
            "download",
            lambda _: ["models", "pull", f"{REPOSITORY}:Q8_0"],
            lambda folder: files(folder / "hf"),
            asked,
        ),
        Command("bundle", bundle, files, {}),
    )
    return {command.name: command for command in found}


def run(model: Path, *more: str) -> Command:
    """`more` are further options."""

    def arguments(folder: Path) -> list[str]:
        return ["run", str(model), *QUESTIONS, *more, "--db", str(database(folder))]

    return Command("run", arguments, lambda folder: records(database(folder)), {})


def database(folder: Path) -> Path:
    return folder / "results.sqlite"


def records(path: Path) -> Result:
    """Run -> its status, its size and its records. Raises AssertionError where SQLite finds the
    file damaged, or an answer is there twice."""
    found: dict[str, object] = {}
    with Store.open(path, read_only=True) as store:
        assert store._db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"  # noqa: S101, SLF001
        for each in store.runs():
            answers: tuple[Record, ...] = store.result(each.id).records
            keys = {(record.question_id, record.rotation) for record in answers}
            assert len(keys) == len(answers)  # noqa: S101
            found[each.id] = (each.status, each.n_questions, answers)
    return found


def files(folder: Path) -> Result:
    """Name -> sha256 of whatever a user would take for a result."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".gguf", ".ggb"} and not path.name.startswith(".")
    }


def leftovers(folder: Path) -> list[str]:
    """Half files and logs that nobody took away."""
    return sorted(
        path.name
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in {".part", ".incomplete", ".log"}
    )


def _clean() -> dict[str, str]:
    """Without what would say where the hub is, and who asks."""
    return {name: each for name, each in os.environ.items() if not name.startswith("HF_")}


def _publish(hub: HubStandIn) -> None:
    path = hub.folder / "models" / REPOSITORY / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    path.write_bytes(head + random.Random(0).randbytes(SIZE - len(head)))
    hub.faults.append(SLOW)
