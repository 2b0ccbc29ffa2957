"""The processor under this process: its name, what it can do, how much of it is ours, who else
is at work on it."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_SYSCTL_SECONDS = 5.0

_LINUX = {
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "bmi2": "BMI2",
    "avx_vnni": "AVX_VNNI",
    "avx512f": "AVX512",
    "avx512vbmi": "AVX512_VBMI",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
    "amx_int8": "AMX_INT8",
    "asimd": "NEON",
    "asimddp": "DOTPROD",
    "i8mm": "MATMUL_INT8",
    "sve": "SVE",
}
"""The kernel's name in /proc/cpuinfo -> ggml's (ggml-cpu.cpp, `ggml_backend_cpu_get_features`)."""

_MACOS = {
    "hw.optional.AdvSIMD": "NEON",
    "hw.optional.neon": "NEON",
    "hw.optional.arm.FEAT_DotProd": "DOTPROD",
    "hw.optional.arm.FEAT_I8MM": "MATMUL_INT8",
    "hw.optional.avx2_0": "AVX2",
    "hw.optional.fma": "FMA",
    "hw.optional.f16c": "F16C",
    "hw.optional.bmi2": "BMI2",
    "hw.optional.avx512f": "AVX512",
    "hw.optional.avx512vbmi": "AVX512_VBMI",
    "hw.optional.avx512vnni": "AVX512_VNNI",
}
"""Names of Apple's `sysctl` -> ggml's."""


@dataclass(frozen=True, slots=True)
class Processor:
    name: str
    features: frozenset[str] | None
    """What it can do, as ggml calls it; None where this system does not tell."""


def here() -> Processor:
    system = platform.system()
    if system == "Linux":
        return from_cpuinfo(_text(Path("/proc/cpuinfo")))
    if system == "Darwin":
        return from_sysctl(_sysctl())
    return Processor(platform.processor() or platform.machine(), None)


def from_cpuinfo(text: str) -> Processor:
    """From Linux' /proc/cpuinfo; of several processors what all of them can do counts."""
    name = ""
    flags: list[set[str]] = []
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key in {"flags", "Features"}:
            flags.append(set(value.split()))
        elif key in {"model name", "Model"}:
            name = name or value
    if not flags:
        return Processor(name or platform.machine(), None)
    common = set.intersection(*flags)
    known = frozenset(ggml for kernel, ggml in _LINUX.items() if kernel in common)
    return Processor(name or platform.machine(), known)


def from_sysctl(values: Mapping[str, str]) -> Processor:
    """From what macOS' `sysctl hw.optional machdep.cpu.brand_string` says."""
    name = values.get("machdep.cpu.brand_string", platform.machine())
    features = frozenset(ggml for key, ggml in _MACOS.items() if values.get(key) == "1")
    return Processor(name, features or None)


def _sysctl() -> dict[str, str]:
    command = ["/usr/sbin/sysctl", "hw.optional", "machdep.cpu.brand_string"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SYSCTL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition(":") for line in done.stdout.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def cores_allowed(
    groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> float | None:
    """Cores' worth of time that a Linux control group leaves to this process, as `docker run
    --cpus 2` sets it; None without a limit. The cores that it sees are all the machine's.

    Source: the kernel's `admin-guide/cgroup-v2.rst` and `scheduler/sched-bwc.rst`.
    """
    return min(_quotas(groups, root), default=None)


def _quotas(groups: Path, root: Path) -> Iterator[float]:
    for line in _text(groups).splitlines():
        _, controllers, own = line.split(":", 2)
        if "cpu" in controllers.split(","):
            top = root / "cpu"
        elif not controllers:
            top = root
        else:
            continue
        folder = top / own.lstrip("/")  # may not be there: a container sees its own as the top
        for each in (folder, *folder.parents):
            quota, _, period = _text(each / "cpu.max").strip().partition(" ")
            quota = quota or _text(each / "cpu.cfs_quota_us").strip()
            period = period or _text(each / "cpu.cfs_period_us").strip()
            if quota.isdecimal() and period.isdecimal():  # `max`, or -1: no limit
                yield int(quota) / int(period)
            if each == top:
                break


def busy_cores() -> float:
    """How many cores all programs keep busy, watched for a fifth of a second."""
    import psutil

    return psutil.cpu_percent(interval=0.2) / 100 * (psutil.cpu_count() or 1)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
