"""Whether a run fits into this machine's memory, before its weights are loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ggufeval.errors import ModelError
from ggufeval.types import Memory

_GB = 1e9


@dataclass(frozen=True, slots=True)
class Room:
    """Memory that there is, in bytes."""

    total: int
    available: int
    """What the system can give without swapping; files that it keeps in memory count as free."""
    where: str = "this machine has"
    is_shared: bool = False
    """With the GPU, as on Apple silicon."""


def check(label: str, needed: Memory, room: Room) -> None:
    """Raise ModelError where a run cannot fit, in one sentence with the numbers.

    Mapped weights may be larger than what is available: the system makes room for them, and drops
    and rereads them. Only what could never be held at once is refused, or what has to be held and
    is not available.
    """
    on_gpu = needed.devices if room.is_shared else 0
    total = needed.total + on_gpu
    if total <= room.total and needed.fixed + on_gpu <= room.available:
        return
    raise ModelError(
        f"{label} needs {total / _GB:.1f} GB of memory (weights {needed.weights / _GB:.1f}, "
        f"cache {needed.cache / _GB:.1f}, compute {needed.compute / _GB:.1f}); {room.where} "
        f"{room.total / _GB:.1f} GB, {room.available / _GB:.1f} GB of them available. "
        "Use a smaller quantization, -c or -b, or close other programs."
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
