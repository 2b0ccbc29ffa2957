"""What stands under everything else: Python, the system, the processor, memory, variables."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping

from ggufeval import memory
from ggufeval.doctor import processor
from ggufeval.doctor.finding import Finding, Group
from ggufeval.job import physical_cores

BUSY_CORES = 0.5
"""As many cores at work for others are worth a word."""

_HERE = Group("environment")
_GB = 1e9

_VARIABLES = {
    "OMP_NUM_THREADS": "changes nothing: llama.cpp takes its threads from -t.",
    "OMP_THREAD_LIMIT": "caps llama.cpp's threads, whatever -t says.",
    "OMP_DYNAMIC": "may give llama.cpp fewer threads than -t says.",
    "OMP_PROC_BIND": "pins threads to cores: two runs at once share them while others idle.",
    "OMP_PLACES": "pins threads to cores: two runs at once share them while others idle.",
    "GOMP_CPU_AFFINITY": "pins threads to cores: two runs at once share them while others idle.",
    "KMP_AFFINITY": "pins threads to cores: two runs at once share them while others idle.",
    "GOMP_SPINCOUNT": "sets how long threads spin while they wait.",
}
_WAITING = {
    "passive": "waiting threads sleep: slower by themselves, faster beside other programs.",
    "active": "waiting threads spin on, which slows other programs on these cores, and theirs us.",
}
_ARITHMETIC = (
    "may change the arithmetic, so it is a part of each run's fingerprint: runs that were made "
    "without it are not compared with those that were made with it."
)


def findings(version: str, variables: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    yield _HERE.ok(
        f"ggufeval {version}, Python {platform.python_version()} in {sys.prefix}",
        ggufeval=version,
        python=platform.python_version(),
        prefix=sys.prefix,
    )
    system = f"{platform.system()} {platform.release()} on {platform.machine()}"
    yield _HERE.ok(system, system=platform.system(), machine=platform.machine())
    yield _cores()
    yield _memory()
    yield busy()
    yield from _said_of(variables)


def _cores() -> Finding:
    here, n, seen = processor.here(), physical_cores(), os.cpu_count()
    facts = {"processor": here.name, "cores": n, "logical_cores": seen}
    allowed = processor.cores_allowed()
    if allowed is not None and allowed < n:
        return _HERE.wrong(
            f"{here.name}: {_count(n)}, but the container (cgroup) leaves {allowed:g} cores' time "
            f"to this process: more threads than that stop one another. Use -t "
            f"{max(1, int(allowed))}.",
            **facts,
            cores_allowed=allowed,
        )
    return _HERE.ok(f"{here.name}: {_count(n)} (-t {n} is the default)", **facts)


def _count(n: int) -> str:
    return f"{n} physical core{'s' * (n != 1)} to use"


def _memory() -> Finding:
    room = memory.here()
    return _HERE.ok(
        f"memory: {room.where} {room.total / _GB:.1f} GB, {room.available / _GB:.1f} GB of them "
        "available",
        total_bytes=room.total,
        available_bytes=room.available,
    )


def busy() -> Finding:
    """A note where other programs are at work: llama.cpp's threads spin while they wait, and two
    busy programs on the same cores slow each other down many times over."""
    n = processor.busy_cores()
    if n < BUSY_CORES:
        return _HERE.ok("no other program keeps the cores busy", busy_cores=round(n, 2))
    return _HERE.note(
        f"other programs keep {n:.1f} of {os.cpu_count()} cores busy. The answers stay the same, "
        "but the speeds will be lower than this machine can do.",
        busy_cores=round(n, 2),
    )


def _said_of(variables: Mapping[str, str]) -> Iterator[Finding]:
    """Values are told: none of these names holds a secret."""
    for name, value in sorted(variables.items()):
        if name == "OMP_WAIT_POLICY":
            meaning = _WAITING.get(value.strip().lower(), "active or passive was expected.")
        elif name.endswith("_VISIBLE_DEVICES"):
            meaning = "chooses the GPUs that llama.cpp sees."
        elif name.startswith("GGML_"):
            meaning = _ARITHMETIC
        elif name in _VARIABLES:
            meaning = _VARIABLES[name]
        else:
            continue
        yield _HERE.note(f"{name}={value}: {meaning}", variable=name, value=value)
