"""GPUs in this machine, as the system tells of them, whether llama.cpp can use them or not."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SMI_SECONDS = 10.0
_VENDORS = {"0x1002": "AMD", "0x8086": "Intel"}
"""PCI vendors whose GPUs llama.cpp uses through Vulkan; NVIDIA's driver tells of its own."""


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    backend: str
    """The option of llama.cpp's build that uses it: `GGML_CUDA`, `GGML_VULKAN` or `GGML_METAL`."""
    driver: str
    """Where it was seen."""


def present(root: Path = Path("/")) -> tuple[Gpu, ...]:
    """Those that can be seen from here; a container sees those that were handed to it.

    `root` is where /proc, /dev and /sys lie.
    """
    if platform.system() == "Darwin":
        apple = Gpu("Apple GPU", "GGML_METAL", "Apple silicon")
        return (apple,) if platform.machine() == "arm64" else ()
    return (*(_nvidia_driver(root) or _nvidia_smi()), *_render_nodes(root))


def _nvidia_driver(root: Path) -> list[Gpu]:
    """A folder a card, of which a container may see those of other containers: the node in /dev
    is what it was given."""
    if not any((root / "dev").glob("nvidia[0-9]*")):
        return []
    found = []
    for file in sorted(root.glob("proc/driver/nvidia/gpus/*/information")):
        text = _text(file)
        model = re.search(r"^Model:\s*(.+)$", text, re.MULTILINE)
        minor = re.search(r"^Device Minor:\s*(\d+)$", text, re.MULTILINE)
        if minor and not (root / "dev" / f"nvidia{minor[1]}").exists():
            continue
        name = model[1].strip() if model else "NVIDIA GPU"
        found.append(Gpu(name, "GGML_CUDA", "NVIDIA's driver"))
    return found


def _nvidia_smi() -> list[Gpu]:
    """Where there is no such folder: Windows, and Linux inside it."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_SMI_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode:
        return []
    names = (line.strip() for line in done.stdout.splitlines())
    return [Gpu(name, "GGML_CUDA", "nvidia-smi") for name in names if name]


def _render_nodes(root: Path) -> list[Gpu]:
    """GPUs of Linux' own drivers, which only have the numbers of vendor and device."""
    found = []
    for node in sorted(root.glob("dev/dri/renderD*")):
        device = root / "sys/class/drm" / node.name / "device"
        vendor = _VENDORS.get(_text(device / "vendor").strip())
        if vendor:
            number = _text(device / "device").strip()
            found.append(
                Gpu(f"{vendor} GPU {number}".strip(), "GGML_VULKAN", f"/dev/dri/{node.name}")
            )
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
