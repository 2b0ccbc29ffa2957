"""Where things are kept, and whether they are whole: disks, the cache, the hub, the database."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from ggufeval import endpoint
from ggufeval.catalog import disk, hub
from ggufeval.catalog.cache import cache_folder
from ggufeval.doctor.finding import Finding, Group
from ggufeval.errors import StoreError, UsageError
from ggufeval.report.numerals import count, size
from ggufeval.store import health

LEAST_FREE = {"cache": 2_000_000_000, "results": 200_000_000}
"""Bytes: room for a level of a 1B model, and for some runs over all of MMLU."""
HUB_SECONDS = 3.0
_MOST_NAMED = 5

_DISK, _CACHE = Group("disk"), Group("cache")
_HUB, _DATABASE = Group("hub"), Group("database")


def findings(database: Path, *, offline: bool = False) -> Iterator[Finding]:
    yield _room("cache", cache_folder(), "GGUFEVAL_CACHE")
    yield _room("results", database.absolute().parent, "--db")
    yield from _cached()
    yield from _hub(offline=offline)
    yield from results(database)


def _room(name: str, folder: Path, option: str) -> Finding:
    """Of the disk where a folder is, or will be made."""
    place = next(each for each in (folder, *folder.parents) if each.is_dir())
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return _DISK.wrong(f"{name} in {folder}: {error.strerror}. Name another ({option}).")
    facts = {"place": name, "folder": str(folder), "free_bytes": free}
    said = f"{name} in {folder}: {size(free)} free"
    if not os.access(place, os.W_OK):
        return _DISK.wrong(
            f"{name} in {folder}: you may not write there. Permit it, or name another folder "
            f"({option}).",
            **facts,
        )
    if free < LEAST_FREE[name]:
        return _DISK.wrong(f"{said}, which will not last. Make room ({option} moves it).", **facts)
    return _DISK.ok(said, **facts)


def _cached() -> Iterator[Finding]:
    try:
        found, broken, unfinished = disk.stored(), disk.broken(), disk.unfinished()
        waiting = sum(half.stat().st_size for half in unfinished)
    except OSError as error:
        yield _CACHE.wrong(
            f"{error.filename}: cannot be read: {error.strerror}. Permit it, or set GGUFEVAL_CACHE "
            "and HF_HOME to other folders."
        )
        return
    n = len({path for item in found for path in item.paths})
    total = sum(item.size_bytes for item in found)
    yield _CACHE.ok(
        f"{count(n, 'model file')}, {size(total)}, in {cache_folder()} and {hub.cache()}",
        files=n,
        bytes=total,
        folders=[str(cache_folder()), str(hub.cache())],
    )
    for path, why in broken[:_MOST_NAMED]:
        yield _CACHE.wrong(why, path=str(path))
    if len(broken) > _MOST_NAMED:
        more = len(broken) - _MOST_NAMED
        yield _CACHE.wrong(f"{count(more, 'further file')} of that kind", files=more)
    if unfinished:
        yield _CACHE.note(
            f"{count(len(unfinished), 'download')} stopped on the way, {size(waiting)} so far: "
            "repeat the command that began it to go on",
            files=len(unfinished),
            bytes=waiting,
        )


def _hub(*, offline: bool) -> Iterator[Finding]:
    address = hub.address()
    facts = {"endpoint": address}
    try:
        endpoint.check(address)
    except UsageError as error:
        yield _HUB.wrong(str(error), **facts)
        return
    if offline or hub.is_offline():
        why = "--offline" if offline else "HF_HUB_OFFLINE"
        yield _HUB.note(f"{address} is not asked ({why}): models come from the disk", **facts)
    elif why := _silence():
        yield _HUB.wrong(
            f"{address} does not answer ({why}). Check the network and HF_ENDPOINT, or set "
            "HF_HUB_OFFLINE=1: what is on the disk needs no hub.",
            **facts,
            answers=False,
        )
    else:
        yield _HUB.ok(f"{address} answers", **facts, answers=True)
    if hub.has_token():
        yield _HUB.ok("a token is there (HF_TOKEN or a login)", token=True)
    else:
        yield _HUB.note(
            "no token: gated repositories need one (HF_TOKEN, `hf auth login`)", token=False
        )


def _silence() -> str:
    """In a thread that nobody waits for: to look up a name has no limit of time of its own."""
    said: list[str] = []
    asking = threading.Thread(
        target=lambda: said.append(hub.silence(HUB_SECONDS)), daemon=True, name="hub"
    )
    asking.start()
    asking.join(HUB_SECONDS)
    return said[0] if said else f"nothing came within {HUB_SECONDS:g} seconds"


def results(path: Path) -> Iterator[Finding]:
    """What is wrong with a results database, as `store.health` finds it."""
    path = path.absolute()
    if not path.exists():
        yield _DATABASE.note(f"{path}: not there yet, the first run makes it", path=str(path))
        return
    try:
        found = health.check(path)
    except StoreError as error:
        yield _DATABASE.wrong(str(error), path=str(path))
        return
    facts = {"path": str(path), "format": found.version, "bytes": found.size_bytes}
    said = f"{path}: format {found.version}, {size(found.size_bytes)}, {count(found.n_runs, 'run')}"
    if found.problems:
        shown = "; ".join(found.problems[:_MOST_NAMED])
        yield _DATABASE.wrong(
            f"{said}, and damaged: {shown}. Go on with a copy of it from before, or with another "
            "file.",
            **facts,
            problems=found.problems,
        )
        return
    yield _DATABASE.ok(f"{said}, whole", **facts, runs=found.n_runs)
    if found.unfinished:
        shown = ", ".join(found.unfinished[:_MOST_NAMED])
        rest = ", ..." if len(found.unfinished) > _MOST_NAMED else ""
        yield _DATABASE.note(
            f"{count(len(found.unfinished), 'run')} unfinished ({shown}{rest}): the same command "
            "goes on with it",
            unfinished=found.unfinished,
        )
