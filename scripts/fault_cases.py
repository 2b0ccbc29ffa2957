"""What can happen to a command beside `kill -9`. Used by faults.py."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
from fault_commands import Command, Result, database, ended, kill, run

from ggufeval.errors import StoreError
from ggufeval.store import Store

Case = tuple[str, int, list[str]]
"""What was done, how often, and what was wrong afterwards."""
Commands = Mapping[str, Command]
Strike = Callable[[subprocess.Popen[str]], None]
TIMES = 5
"""Of each case."""
ROOM = 0.6
"""Of what a command makes, on the small disk."""


def interrupts(known: Commands, place: Path, moments: random.Random) -> Iterator[Case]:
    """Ctrl-C, once and twice: 130, one sentence, and the same command goes on."""
    _, length = calm(known["run"], place)
    told = (130, "Interrupted.")

    def interrupt(process: subprocess.Popen[str], *pauses: float) -> None:
        for pause in pauses:
            time.sleep(moments.uniform(0.0, pause))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)

    yield struck("Ctrl-C, once", known, place, lambda p: interrupt(p, length / 2), told)
    yield struck("Ctrl-C, twice", known, place, lambda p: interrupt(p, length / 2, 0.1), told)


def worker(known: Commands, place: Path, moments: random.Random) -> Iterator[Case]:
    """The model's process is killed, as the system does when memory runs out."""

    def kill_models(process: subprocess.Popen[str]) -> None:
        time.sleep(moments.uniform(0.0, 0.5))
        for child in models(process):
            child.kill()

    told = (2, "was killed, most likely for want of memory")
    yield struck("the model's process killed", known, place, kill_models, told)


def together(known: Commands, place: Path, moments: random.Random) -> Iterator[Case]:
    """Two processes on one database: different runs, and the same run."""
    command = known["run"]
    other = run(Path(command.arguments(place)[1]), "--shots", "0")
    mine, _ = calm(command, place)
    theirs, _ = calm(other, place / "other")
    problems: list[str] = []
    for i in range(TIMES):
        folder = place / f"different-{i}"
        processes = [command.start(folder), other.start(folder)]
        for status, said in map(ended, processes):
            check(problems, status == 0, f"exit status {status}: {said}")
        check(problems, command.result(folder) == mine | theirs, "not equal to the undisturbed")
    yield "two runs on one database", TIMES, problems
    problems = []
    for i in range(TIMES):
        folder = place / f"same-{i}"
        first = command.start(folder)
        time.sleep(moments.uniform(0.0, 1.0))
        found = [ended(process) for process in (first, command.start(folder))]
        check(problems, 0 in {status for status, _ in found}, f"none ended well: {found}")
        for status, said in found:
            told = status == 2 and "another process" in said.casefold()
            check(problems, status == 0 or told, f"exit status {status}: {said}")
        go_on(problems, command, folder, mine)
    yield "two processes on the same run", TIMES, problems


def power(known: Commands, place: Path, moments: random.Random) -> Iterator[Case]:
    """The database as it lies on the disk at some moment: whole, with the end of its journal not
    written, and without its journal."""
    command = known["run"]
    expected, _ = calm(command, place)
    copies: dict[str, list[Path]] = {"whole": [], "journal cut": [], "no journal": []}
    folder = place / "running"
    while len(copies["whole"]) < TIMES:
        process = command.start(folder)
        wait_until_begun(process, folder)
        while process.poll() is None and (i := len(copies["whole"])) < TIMES:
            time.sleep(moments.uniform(0.0, 1.0))
            for how, copied in copies.items():
                copied.append(place / f"{how}-{i}")
            snapshot(process, folder, [copied[i] for copied in copies.values()], moments)
        if process.poll() is None:
            kill(process)
        else:
            ended(process)
        shutil.rmtree(folder)
    for how, copied in copies.items():
        problems: list[str] = []
        for copy in copied:
            go_on(problems, command, copy, expected)
        yield f"power cut: the database copied, {how}", len(copied), problems


def snapshot(
    process: subprocess.Popen[str], folder: Path, targets: list[Path], moments: random.Random
) -> None:
    """Copies of one moment: the process stands still meanwhile."""
    stop(process)
    try:
        for target in targets:
            target.mkdir(parents=True)
            for path in folder.glob("results.sqlite*"):
                shutil.copy(path, target)
    finally:
        os.killpg(process.pid, signal.SIGCONT)
    _, cut, alone = targets
    journal = cut / "results.sqlite-wal"
    if journal.exists() and (size := journal.stat().st_size):
        os.truncate(journal, moments.randrange(size))
    for path in alone.glob("results.sqlite-*"):
        path.unlink()


def disk(known: Commands, place: Path, _: random.Random) -> Iterator[Case]:
    """A disk that is full, where one can be had: then the same command with room."""
    for name in ("run", "quantize", "download", "bundle"):
        command = known[name]
        there = place / f"calm-{name}"
        expected, _seconds = calm(command, there)
        size = sum(path.stat().st_size for path in there.rglob("*") if not path.is_symlink())
        folder = place / f"full-{name}"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if sys.platform != "linux" or subprocess.run(mount, check=False).returncode:
            yield "full disk (left out: no small disk could be mounted here)", 0, []
            return
        problems: list[str] = []
        try:
            filler = folder / "filler"
            fill(filler, leave=round(ROOM * size))
            status, said = command.finish(folder)
            check(problems, status == 2, f"exit status {status}: {said}")
            check(problems, "Traceback" not in said, said)
            check(problems, "room" in said, said)
            last = (said.strip().splitlines() or ["(nothing said)"])[-1]
            print(f"    full disk, {name}: {last}", flush=True)
            subprocess.run(["mount", "-o", "remount,size=1g", str(folder)], check=True)  # noqa: S607
            filler.unlink(missing_ok=True)
            go_on(problems, command, folder, expected)
        finally:
            subprocess.run(["umount", str(folder)], check=True)  # noqa: S607
        yield f"full disk, {name}", 1, problems


CASES: Mapping[str, Callable[[Commands, Path, random.Random], Iterator[Case]]] = {
    "interrupts": interrupts,
    "worker": worker,
    "together": together,
    "power": power,
    "disk": disk,
}


# --- the parts ---


def calm(command: Command, place: Path) -> tuple[Result, float]:
    """What the command makes undisturbed, and the seconds that it takes."""
    folder = place / "calm"
    started = time.monotonic()
    status, said = command.finish(folder)
    if status:
        raise SystemExit(f"{command.name} does not even work undisturbed: {said}")
    return command.result(folder), time.monotonic() - started


def struck(what: str, known: Commands, place: Path, strike: Strike, told: tuple[int, str]) -> Case:
    """A run, struck so many times: what it must leave with and say each time. Then it goes on."""
    command, folder = known["run"], place / what
    expected, _ = calm(command, place)
    problems: list[str] = []
    n = 0
    while n < TIMES:
        process = command.start(folder)
        wait_until_begun(process, folder)
        strike(process)
        status, said = ended(process)
        if status == 0:  # it was faster
            shutil.rmtree(folder)
            continue
        n += 1
        held = (status, said.count(told[1])) == (told[0], 1) and "Traceback" not in said
        check(problems, held, f"exit status {status}: {said}")
    go_on(problems, command, folder, expected)
    return what, n, problems


def go_on(problems: list[str], command: Command, folder: Path, expected: Result) -> None:
    status, said = command.finish(folder)
    check(problems, status == 0, f"exit status {status}: {said}")
    if status == 0:
        check(problems, command.result(folder) == expected, "not equal to the undisturbed")


def check(problems: list[str], good: bool, otherwise: str) -> None:
    if not good:
        problems.append(otherwise)


def wait_until_begun(process: subprocess.Popen[str], folder: Path) -> None:
    """Until the model has its process and the run is in the database."""
    while process.poll() is None:
        if models(process) and database(folder).exists():
            with suppress(StoreError), Store.open(database(folder), read_only=True) as store:
                if store.runs():
                    return
        time.sleep(0.02)


def models(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The models' processes of a command."""
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    return []


def stop(process: subprocess.Popen[str]) -> None:
    """Until `SIGCONT`. Returns when it stands still."""
    os.killpg(process.pid, signal.SIGSTOP)
    still = {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
    while psutil.Process(process.pid).status() not in still:
        time.sleep(0.001)


def fill(path: Path, *, leave: int) -> None:
    """Fill the disk but for so many bytes."""
    free = shutil.disk_usage(path.parent).free
    path.write_bytes(bytes(max(0, free - leave)))
