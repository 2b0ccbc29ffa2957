"""Whether a run fits into memory, and how many layers on the GPUs, before weights are loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ggufeval.errors import ModelError
from ggufeval.types import Memory

_GB = 1e9
_SPARE = 1 << 30
"""Bytes of a GPU that are left free, as llama.cpp leaves them (`--fit-target`): its kernels take
memory that no plan holds. Of a small one a quarter."""
ALL = -1
"""Layers: llama.cpp's word for all."""


@dataclass(frozen=True, slots=True)
class Room:
    """Memory that there is, in bytes."""

    total: int
    available: int
    """What the system can give without swapping; files that it keeps in memory count as free."""
    where: str = "this machine has"
    is_shared: bool = False
    """With the GPU, as on Apple silicon."""
    is_limit: bool = False
    """A user's: all that the process has in memory counts, files that could be dropped too."""
    gpus: Mapping[str, int] = field(default_factory=dict)
    """What is free on each, by the device's name."""


def check(label: str, needed: Memory, room: Room, advise: Callable[[], str]) -> None:
    """Raise ModelError where a run cannot fit, with the numbers, and `advise` what would."""
    if said := lacking(needed, room):
        raise ModelError(f"{label} needs {said}. {advise()}")


def lacking(needed: Memory, room: Room) -> str:
    """What a run needs and there is not, in words; empty where it fits.

    Mapped weights may be larger than what is available: the system makes room for them, and drops
    and rereads them. Only what could never be held at once is refused, or what has to be held and
    is not available.
    """
    on_gpu = needed.devices if room.is_shared else 0
    total = taken(needed, room)
    if total > room.total or needed.fixed + on_gpu > room.available:
        weights = total - on_gpu - needed.cache - needed.compute - needed.process
        parts = {
            "weights": weights,
            "GPU": on_gpu,
            "cache": needed.cache,
            "compute": needed.compute,
            "the process itself": needed.process,
        }
        listed = ", ".join(f"{name} {n / _GB:.2f}" for name, n in parts.items() if n)
        free = "" if room.is_limit else f", {room.available / _GB:.2f} GB of them available"
        return (
            f"{total / _GB:.2f} GB of memory ({listed}); {room.where} {room.total / _GB:.2f} GB"
            f"{free}"
        )
    for name, n in needed.gpus.items():
        if n > (free_there := room.gpus.get(name, n)):
            return f"{n / _GB:.2f} GB on {name}; {free_there / _GB:.2f} GB are free there"
    return ""


def taken(needed: Memory, room: Room) -> int:
    """Of the memory that the room is about."""
    total = needed.peak if room.is_limit else needed.total
    return total + (needed.devices if room.is_shared else 0)


def said(needed: Memory, room: Room) -> str:
    """How much it is, in words."""
    on = "".join(f" and {n / _GB:.2f} GB on {name}" for name, n in needed.gpus.items())
    return f"{taken(needed, room) / _GB:.2f} GB{on}"


def layers_that_fit(
    simulate: Callable[[int], Memory], n_layers: int, free: Mapping[str, int]
) -> int:
    """The most layers with which no GPU has more to hold than is free on it, or `ALL`.

    `simulate` tells the memory with so many layers on the GPUs. The more there are, the less the
    machine's own memory holds, so that what is best for it need not be looked for.
    """
    room = {name: n - min(_SPARE, n // 4) for name, n in free.items()}

    def fits(n: int) -> bool:
        return all(size <= room.get(name, size) for name, size in simulate(n).gpus.items())

    if fits(ALL):
        return ALL
    low, high = 0, n_layers
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def room(limit: int | None = None, gpus: Mapping[str, int] | None = None) -> Room:
    """What a run may take: as much as the user says, else what is there."""
    there = replace(here(), gpus=gpus or {})
    if limit is None:
        return there
    return replace(
        there, total=limit, available=limit, where="--memory-limit allows", is_limit=True
    )


def here() -> Room:
    """What this machine has, or what its container leaves to this process."""
    import psutil

    memory = psutil.virtual_memory()
    shared = sys.platform == "darwin"
    machine = Room(memory.total, memory.available, is_shared=shared)
    limits = [room for room in limited() if room.total < machine.total]
    if not limits:
        return machine
    return Room(
        total=min(room.total for room in limits),
        available=min(room.available for room in (machine, *limits)),
        where=limits[0].where,
    )


def limited(
    groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Iterator[Room]:
    """The limits on this process: those of its Linux control group and of the groups around it.

    Source: the kernel's `admin-guide/cgroup-v2.rst` and `cgroup-v1/memory.rst`.
    """
    for line in _text(groups).splitlines():
        _, controllers, own = line.split(":", 2)
        if "memory" in controllers.split(","):
            top, files = root / "memory", _VERSION_1
        elif not controllers:
            top, files = root, _VERSION_2
        else:
            continue
        folder = top / own.lstrip("/")  # may not be there: a container sees its own as the top
        while True:
            if room := _room(folder, *files):
                yield room
            if folder == top:
                break
            folder = folder.parent


_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
_VERSION_2 = ("memory.max", "memory.current", "")


def _room(folder: Path, limit: str, used: str, prefix: str) -> Room | None:
    total, taken = _text(folder / limit).strip(), _text(folder / used).strip()
    if not (total.isdecimal() and taken.isdecimal()):  # `max`: no limit
        return None
    held = dict(line.split() for line in _text(folder / "memory.stat").splitlines())
    # Files that the group has read are counted as its own, and given back when memory is wanted.
    files = sum(int(held.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
    available = max(0, int(total) - max(0, int(taken) - files))
    return Room(int(total), available, "its container (cgroup) allows")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
