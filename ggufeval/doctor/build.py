"""The llama.cpp that is installed, against what the processor and the GPUs of this machine offer.

What a build leaves unused is said, and how to build it anew; what that would gain is not, since
nobody has measured it here.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Sequence

from ggufeval.doctor import gpus, processor
from ggufeval.doctor.finding import Finding, Group
from ggufeval.doctor.gpus import Gpu
from ggufeval.doctor.processor import Processor
from ggufeval.errors import WorkerError
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.worker import Machine
from ggufeval.types import BuildInfo

_BUILD = Group("build")
_DEVICES = Group("devices")
_PAIR = re.compile(r"(\w+) = (\w+)")
_PACKAGE = "llama-cpp-python"

_NAMES = {"GGML_CUDA": "CUDA", "GGML_VULKAN": "Vulkan", "GGML_METAL": "Metal"}
_OPTIONS = {
    "CUDA": "GGML_CUDA",
    "ROCm": "GGML_HIP",
    "SYCL": "GGML_SYCL",
    "Vulkan": "GGML_VULKAN",
}
"""How the names of devices begin -> what to build anew with, so that they are not lost."""

_WIDE = {"AVX_VNNI": {"AVX512_VNNI"}}
"""What a build does not need -> where it has this instead."""


def compiled(build: BuildInfo) -> frozenset[str]:
    """Features that llama.cpp says it was compiled with, of `CPU : AVX2 = 1 | FMA = 1 |`."""
    return frozenset(name for name, value in _PAIR.findall(build.system_info) if value != "0")


def reinstall(version: str, options: Sequence[str] = ()) -> str:
    """The command that builds llama.cpp anew, on this machine and for it.

    `--no-deps`: its dependencies stay as they are; they were not the trouble.
    """
    pip = (
        f"pip install --force-reinstall --no-deps --no-cache-dir --no-binary {_PACKAGE} "
        f"{_PACKAGE}=={version}"
    )
    if not options:
        return pip
    said = " ".join(f"-D{name}=on" for name in options)
    if platform.system() == "Windows":
        return f'set "CMAKE_ARGS={said}" && {pip}'
    return f'CMAKE_ARGS="{said}" {pip}'


def here() -> Iterator[Finding]:
    """Of the build that is installed; that it does not load is a finding too."""
    try:
        with ModelProcess() as process:
            machine = process.machine()
    except WorkerError as error:
        yield _BUILD.wrong(str(error))
        return
    yield from findings(machine, processor.here(), gpus.present())


def findings(
    machine: Machine, its_processor: Processor, its_gpus: Sequence[Gpu] = ()
) -> Iterator[Finding]:
    build = machine.build
    has = compiled(build)
    commit = f", llama.cpp {build.ggml_commit}" if build.ggml_commit else ""
    yield _BUILD.ok(
        f"{_PACKAGE} {build.llama_cpp_python}{commit}",
        llama_cpp_python=build.llama_cpp_python,
        ggml_commit=build.ggml_commit,
        libraries_sha256=build.libraries_sha256,
    )
    yield _instructions(machine, has, its_processor)
    yield _threads(has)
    yield _products(build, has)
    yield from _devices(machine, its_gpus)


def _instructions(machine: Machine, has: frozenset[str], its_processor: Processor) -> Finding:
    offered = its_processor.features
    facts = {"compiled": sorted(has), "offered": None if offered is None else sorted(offered)}
    if offered is None:
        said = " ".join(sorted(has)) or "nothing that it names"
        return _BUILD.note(
            f"compiled with {said}; this system does not tell what the processor offers",
            **facts,
        )
    unused = sorted(name for name in offered - has if not _WIDE.get(name, set()) & has)
    used = " ".join(sorted(offered & has)) or "none of them"
    if unused:
        kept = [
            option
            for name, option in _OPTIONS.items()
            if any(gpu.startswith(name) for gpu in machine.gpus)
        ]
        return _BUILD.wrong(
            f"of the processor's instructions it uses {used}, and leaves {' '.join(unused)} "
            "unused. Build it on this machine (and where it was, with a newer compiler):",
            reinstall(machine.build.llama_cpp_python, ["GGML_NATIVE", *kept]),
            **facts,
            unused=unused,
        )
    return _BUILD.ok(f"uses what the processor offers: {used}", **facts, unused=[])


def _threads(has: frozenset[str]) -> Finding:
    if "OPENMP" in has:
        return _BUILD.ok("threads by OpenMP", openmp=True)
    return _BUILD.note("threads of llama.cpp's own, without OpenMP", openmp=False)


def _products(build: BuildInfo, has: frozenset[str]) -> Finding:
    """A BLAS takes over the products of large batches, with arithmetic of its own."""
    blas = [device for device in build.devices if device.startswith("BLAS")]
    if not blas and "ACCELERATE" not in has:
        return _BUILD.ok("products of matrices by llama.cpp's own kernels, no BLAS", blas="")
    name = blas[0].partition(": ")[2] if blas else "Accelerate"
    return _BUILD.note(
        f"products of matrices go through a BLAS ({name}), not always the faster way: --measure "
        "tells what comes of it here",
        blas=name,
    )


def _devices(machine: Machine, present: Sequence[Gpu]) -> Iterator[Finding]:
    for device in machine.gpus:
        yield _DEVICES.ok(f"offloads to {device}", device=device)
    if machine.gpus:
        return
    if not present:
        yield _DEVICES.ok("no GPU is seen here: all is computed on the processor", device="")
    for backend in dict.fromkeys(gpu.backend for gpu in present):
        yield _unused(machine.build, [gpu for gpu in present if gpu.backend == backend])


def _unused(build: BuildInfo, unused: Sequence[Gpu]) -> Finding:
    """GPUs of one kind. What Vulkan is for may lie inside the processor, and be no faster than it:
    that is a note."""
    backend = unused[0].backend
    name, seen = _NAMES[backend], " and ".join(f"{gpu.name} ({gpu.driver})" for gpu in unused)
    facts = {"gpus": [gpu.name for gpu in unused], "backend": backend}
    if re.search(rf"\b{name} :", build.system_info):
        return _DEVICES.wrong(
            f"{seen}: this build has {name}, and finds no device. Is the driver the one that it "
            "was built for, or newer, and may you open the device?",
            **facts,
        )
    # llama.cpp builds Metal on Apple silicon by itself.
    command = reinstall(build.llama_cpp_python, [] if backend == "GGML_METAL" else [backend])
    if backend == "GGML_VULKAN":
        return _DEVICES.note(
            f"{seen}: not used by this build. With {name} it could be; whether that is faster than "
            "the processor, --measure tells:",
            command,
            **facts,
        )
    return _DEVICES.wrong(
        f"{seen}: not used, since this build cannot. Build it with {name}:", command, **facts
    )
