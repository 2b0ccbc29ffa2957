"""How much memory a run will take, as llama.cpp itself computes it, before any weights are read.

Two loads tell: one without memory (`no_alloc`), with the run's own context, says how large the
cache and the graph will be, but not the weights; one that is called off when the first weight is
to be read says which of those stay in the file and which get another layout. Its memory is asked
for and never touched, so that it costs none. All this is said in llama.cpp's log; the function
that returns it gives a C++ map.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import llama_cpp

from ggufeval.llama import capi, services
from ggufeval.llama.decoder import Decoder
from ggufeval.llama.model import Model
from ggufeval.types import EngineSettings, Memory

_WEIGHTS = re.compile(r"(\S+) model buffer size = +([\d.]+) MiB")
_REFUSED = re.compile(r"failed to allocate (\S+) buffer of size (\d+)$")
_LAYER = re.compile(r"layer +\d+: dev = (\S+)")
_CACHE = re.compile(r": size = +([\d.]+) MiB \(")
_COMPUTE = re.compile(r"(\S+) (compute| output) buffer size = +([\d.]+) MiB")

Sizes = Counter[str]
"""Bytes by the name that llama.cpp gives a buffer or a device: `CPU`, `CPU_REPACK`, `CUDA0`."""


def measure(path: Path, settings: EngineSettings) -> Memory:
    """What a run with these settings will take. Reads the file's header alone.

    The process's own is what this one has, the model's vocabulary in it.

    Raises ModelError where llama.cpp refuses the model or the settings.
    """
    with (
        capi.listening() as lines,
        Model(path, settings, no_alloc=True) as model,
        Decoder(model, settings),
    ):
        n_bytes = model.n_bytes
    lines += _called_off(path, settings)
    needed = read(lines, n_bytes, can_map=bool(llama_cpp.llama_supports_mmap()))
    return replace(needed, process=services.resident())


def _called_off(path: Path, settings: EngineSettings) -> list[str]:
    """What llama.cpp says up to the moment where it would read the first weight."""
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = settings.n_gpu_layers
    params.use_extra_bufts = settings.repack
    params.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE  # mapping a file reads all of it ahead
    if capi.supports_gpu_offload():
        # The host's part would be asked for as pinned memory, which is taken at once. In the run
        # the file is mapped, and that part stays in it.
        params.no_host, params.use_extra_bufts = True, False
    call_off = llama_cpp.llama_progress_callback(lambda _progress, _user_data: False)
    params.progress_callback = call_off
    with capi.listening() as lines:
        handle = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if handle:
        llama_cpp.llama_model_free(handle)
    return lines


def read(lines: Sequence[str], n_bytes: int, *, can_map: bool) -> Memory:
    """The sizes in what llama.cpp said. `n_bytes` are those of all weights.

    What is not said is taken for nothing, or for mapped: an estimate had better be too small.
    """
    weights, cache, compute = _weights(lines), _cache(lines), _compute(lines)
    known = any(_WEIGHTS.search(line) for line in lines) and not any(map(_REFUSED.search, lines))
    mapped = sum(n for name, n in weights.items() if _is_plain(name))
    allocated = sum(n for name, n in weights.items() if _is_host(name) and not _is_plain(name))
    if not known:
        mapped = n_bytes - allocated - _on_gpus(weights).total()
    gpus = _on_gpus(weights) + _on_gpus(cache) + _on_gpus(compute)
    return Memory(
        mapped=mapped if can_map else 0,
        allocated=allocated if can_map else allocated + mapped,
        cache=cache.total() - _on_gpus(cache).total(),
        compute=compute.total() - _on_gpus(compute).total(),
        gpus=dict(gpus),
        copied=max(0, n_bytes - mapped) if can_map else 0,
    )


def _weights(lines: Sequence[str]) -> Sizes:
    sizes: Sizes = Counter()
    for line in lines:
        if found := _WEIGHTS.search(line):
            sizes[found[1]] += _bytes(found[2])
        elif found := _REFUSED.search(line):
            sizes[found[1]] = int(found[2])
    return sizes


def _cache(lines: Sequence[str]) -> Sizes:
    """Each cache (a model can have two) says where its layers lie, and then its size."""
    sizes: Sizes = Counter()
    layers: Counter[str] = Counter()
    for line in lines:
        if found := _LAYER.search(line):
            layers[found[1]] += 1
        elif found := _CACHE.search(line):
            layers = layers or Counter({"CPU": 1})
            for device, n in layers.items():
                sizes[device] += _bytes(found[1]) * n // layers.total()
            layers = Counter()
    return sizes


def _compute(lines: Sequence[str]) -> Sizes:
    """Of the graph and of the logits. Said anew, a size replaces the old one."""
    said = {found[1] + found[2]: found for line in lines if (found := _COMPUTE.search(line))}
    sizes: Sizes = Counter()
    for found in said.values():
        sizes[found[1]] += _bytes(found[3])
    return sizes


def _bytes(mib: str) -> int:
    return round(float(mib) * (1 << 20))


def _is_host(name: str) -> bool:
    return name.startswith(("CPU", "AMX")) or name.endswith("_Host")


def _is_plain(name: str) -> bool:
    """Weights that stay as they are in the file, and so in the mapped file."""
    return name == "CPU" or name.endswith("_Host")


def _on_gpus(sizes: Sizes) -> Sizes:
    """By device: `CUDA0`, of whose buffers some have a longer name (`MTL0_Mapped`)."""
    found: Sizes = Counter()
    for name, n in sizes.items():
        if not _is_host(name):
            found[name.partition("_")[0]] += n
    return found
