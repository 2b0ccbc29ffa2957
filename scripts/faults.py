"""Faults at random moments: is what there is in the end complete, unique, and as if undisturbed?

    python scripts/faults.py MODEL.gguf [--kills 100] [--only run,sweep,...] [--seed 0]

`kill -9` of the whole process group over five commands, then what else can happen to a run:
Ctrl-C, a worker that the system kills, two processes at once, a power cut, a full disk. After each
fault the same command is repeated. Exit status 1 where anything was lost or differs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import fault_cases
from fault_commands import Command, Result, commands, database, ended, kill, leftovers, run
from hub_stand_in import HubStandIn

KILLED = ("run", "sweep", "quantize", "download", "bundle")
KILLS_A_ROUND = 4
"""Of one piece of work, before it may end."""


@dataclass
class Row:
    """Of the table that is printed."""

    what: str
    n: int = 0
    """Faults that met a running command."""
    n_ended: int = 0
    """How often the work was then done, and looked at."""
    problems: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        good = "yes" if not self.problems else "NO"
        return f"| {self.what} | {self.n} | {self.n_ended} | {good} | {len(self.left)} |"


def main() -> None:
    names = (*KILLED, *fault_cases.CASES)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--kills", type=int, default=100, help="over all commands")
    parser.add_argument("--only", default=",".join(names), help=f"of {', '.join(names)}")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    only = options.only.split(",")
    if unknown := set(only) - set(names):
        parser.error(f"--only: {', '.join(sorted(unknown))}: expected some of {', '.join(names)}")
    moments = random.Random(options.seed)
    killed = [name for name in KILLED if name in only]
    rows = []
    with workplace(options.model.absolute()) as (folder, known):
        for i, name in enumerate(killed):
            n = options.kills // len(killed) + (i < options.kills % len(killed))
            rows.append(kills(known[name], folder / f"kill-{name}", n, moments))
        for name in fault_cases.CASES:
            if name in only:
                place = folder / name
                for what, n, problems in fault_cases.CASES[name](known, place, moments):
                    rows.append(tell(Row(what, n, n, problems)))
                shutil.rmtree(place, ignore_errors=True)
    print("\n| fault | times | ended and held | equal | leftovers |\n|---|---:|---:|---|---:|")
    for row in rows:
        print(row)
    for name in sorted(set().union(*(row.left for row in rows))):
        print(f"left over: {name}")
    sys.exit(1 if any(row.problems for row in rows) else 0)


@contextmanager
def workplace(model: Path) -> Iterator[tuple[Path, dict[str, Command]]]:
    """A folder, and the commands, with a study to bundle."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        plain = run(model)
        status, said = plain.finish(folder / "study")
        if status:
            sys.exit(f"The run does not even work undisturbed: {said}")
        with HubStandIn(folder / "hub") as hub:
            yield folder, commands(model, hub, database(folder / "study"))


def kills(command: Command, folder: Path, n: int, moments: random.Random) -> Row:
    """Kill the command `n` times, repeat it, and hold what it made against the undisturbed."""
    row = Row(f"kill -9, {command.name}")
    started = time.monotonic()
    status, said = command.finish(folder / "calm")
    length = time.monotonic() - started
    if status:
        row.problems.append(f"undisturbed: exit status {status}: {said}")
        return tell(row)
    expected = command.result(folder / "calm")
    rough, in_a_row = folder / "rough", 0
    while row.n < n:
        process = command.start(rough)
        time.sleep(moments.uniform(0.05, length))
        is_over = process.poll() is not None
        if is_over:
            status, said = ended(process)
        else:
            kill(process)
            row.n, in_a_row = row.n + 1, in_a_row + 1
            if in_a_row < KILLS_A_ROUND and row.n < n:
                continue
            status, said = command.finish(rough)
        look(row, command, rough, expected, status=status, said=said)
        in_a_row = 0
        shutil.rmtree(rough)
    shutil.rmtree(folder)
    return tell(row)


def look(
    row: Row, command: Command, folder: Path, expected: Result, *, status: int, said: str
) -> None:
    row.n_ended += 1
    if status:
        row.problems.append(f"exit status {status}: {said}")
    elif command.result(folder) != expected:
        row.problems.append("not equal to the undisturbed")
    row.left.update(leftovers(folder))


def tell(row: Row) -> Row:
    print(row, flush=True)
    for problem in row.problems:
        print(f"    {problem}", flush=True)
    return row


if __name__ == "__main__":
    main()
