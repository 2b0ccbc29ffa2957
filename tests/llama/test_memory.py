"""What a run will take, against what it took."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ggufeval import answers
from ggufeval.errors import ModelError
from ggufeval.llama import capi
from ggufeval.llama.client import ModelProcess
from ggufeval.llama.memory import read
from ggufeval.llama.model import Model
from ggufeval.llama.scorer import Scorer
from ggufeval.types import Batch, EngineSettings, Group, Item, Memory, Plan

SETTINGS = EngineSettings(
    n_ctx=4096,
    n_batch=512,
    n_ubatch=512,
    n_seq_max=16,
    n_threads=2,
    n_gpu_layers=0,
    flash_attn="auto",
)
MIB = 1 << 20


def measure(path: Path, settings: EngineSettings = SETTINGS) -> Memory:
    with ModelProcess() as process:
        return process.memory(path, settings)


def really(path: Path, settings: EngineSettings) -> tuple[dict[str, int], int]:
    """The buffers of a real load and context: bytes by name; and the bytes of all weights."""
    capi.start()
    with capi.listening() as lines, Model(path, settings) as model, Scorer(model, settings, {}):
        n_bytes = model.n_bytes
    sizes: dict[str, int] = {}
    for line in lines:
        name, found, size = line.partition(" buffer size =")
        if found:
            sizes[" ".join(name.split()[1:])] = round(float(size.split()[0]) * MIB)
    return sizes, n_bytes


@pytest.mark.parametrize(
    "settings",
    [SETTINGS, replace(SETTINGS, n_ctx=512, type_k="q8_0"), replace(SETTINGS, repack=False)],
)
@pytest.mark.parametrize("quantization", ["F16", "Q4_0", "Q8_0"])
def test_the_estimate_is_what_a_real_load_takes(made, quantization, settings):
    path = made(quantization)
    needed = measure(path, settings)
    sizes, n_bytes = really(path, settings)
    assert needed.allocated == sizes.get("CPU_REPACK model", 0)
    assert needed.cache == sizes["CPU KV"]
    assert needed.compute == sizes["CPU compute"] + sizes["CPU output"]
    assert needed.gpus == {}
    assert needed.copied == pytest.approx(n_bytes - needed.mapped, abs=0.02 * MIB)
    assert needed.weights == pytest.approx(n_bytes, abs=0.02 * MIB)
    # The mapping spans all from the first to the last weight that stays in the file.
    assert needed.mapped <= sizes["CPU_Mapped model"] + 0.01 * MIB


@pytest.mark.parametrize(
    ("quantization", "settings"), [("F16", SETTINGS), ("Q4_0", replace(SETTINGS, repack=False))]
)
def test_weights_that_stay_as_they_are_stay_in_the_file(made, quantization, settings):
    path = made(quantization)
    needed = measure(path, settings)
    assert needed.mapped == really(path, settings)[0]["CPU_Mapped model"]
    assert needed.allocated == 0


@pytest.mark.parametrize("quantization", ["F16", "Q4_0"])
def test_the_estimate_is_near_what_a_run_had_in_memory(made, quantization):
    path = made(quantization)
    tokens = array("i", range(1000, 1400))
    plan = Plan((Group(tokens, (Batch((Item("q", tokens, 4),)),)),))
    with ModelProcess() as process:
        needed = process.memory(path, SETTINGS)
        after_estimate = process.peak_rss()
        list(process.score(path, SETTINGS, [answers.letter_form(" ", 4)], plan))
        peak = process.peak_rss()
    assert needed.peak == pytest.approx(peak, rel=0.1)
    assert after_estimate < 0.5 * needed.total  # no weights were read for it
    assert needed.process == pytest.approx(after_estimate, rel=0.1)


def test_a_larger_context_takes_a_larger_cache(smollm2: Path):
    small, large = (measure(smollm2, replace(SETTINGS, n_ctx=n)) for n in (1024, 4096))
    assert large.cache == 4 * small.cache
    assert large.weights == small.weights


def test_what_llama_cpp_refuses_is_an_error(of_architecture):
    with pytest.raises(ModelError, match=r"support the architecture 'llamb'"):
        measure(of_architecture("llamb"))


GPU_LINES = """\
load_tensors:   CPU model buffer size =     0.00 MiB
load_tensors:   CUDA0 model buffer size =     0.00 MiB
llama_context:  CUDA_Host  output buffer size =     2.00 MiB
llama_kv_cache: layer   0: dev = CPU
llama_kv_cache: layer   1: dev = CUDA0
llama_kv_cache: layer   2: dev = CUDA0
llama_kv_cache: layer   3: dev = CUDA0
llama_kv_cache:      CUDA0 KV buffer size =     0.00 MiB
llama_kv_cache: size =   40.00 MiB (  4096 cells,   4 layers, 16/1 seqs), K (f16):   20.00 MiB
llama_kv_cache: layer   4: dev = CUDA0
llama_kv_cache: size =    5.00 MiB (  1024 cells,   1 layers, 16/1 seqs), K (f16):    2.50 MiB
sched_reserve:      CUDA0 compute buffer size =    77.00 MiB
sched_reserve:      CUDA0 compute buffer size =    70.00 MiB
sched_reserve:  CUDA_Host compute buffer size =     8.00 MiB
load_tensors:   CPU model buffer size =    30.00 MiB
load_tensors:   CUDA0 model buffer size =   200.00 MiB
load_tensors:   CUDA1 model buffer size =   100.00 MiB
""".splitlines()


def test_what_lies_on_gpus_is_counted_apart():
    assert read(GPU_LINES, 330 * MIB, can_map=True) == Memory(
        mapped=30 * MIB,
        allocated=0,
        cache=10 * MIB,
        compute=10 * MIB,
        gpus={"CUDA0": (200 + 35 + 70) * MIB, "CUDA1": 100 * MIB},
        copied=300 * MIB,
    )


def test_what_is_free_is_asked_of_the_devices():
    capi.start()
    cpus = (0,)
    (free,) = capi.free_memory(cpus).values()
    assert 0 < free <= psutil.virtual_memory().total
    assert all(n >= 0 for n in capi.free_memory().values())


def test_a_device_is_known_by_the_beginning_of_its_buffers_names():
    lines = [
        "load_tensors:   CPU_Mapped model buffer size =    10.00 MiB",
        "load_tensors:  MTL0_Mapped model buffer size =    90.00 MiB",
        "sched_reserve:        MTL0 compute buffer size =    20.00 MiB",
    ]
    assert read(lines, 100 * MIB, can_map=True).gpus == {"MTL0": 110 * MIB}


def test_a_system_that_cannot_map_files_holds_all_weights():
    needed = read(GPU_LINES, 330 * MIB, can_map=False)
    assert (needed.mapped, needed.allocated) == (0, 30 * MIB)


def test_weights_that_the_system_refused_are_counted_all_the_same():
    lines = [
        "load_tensors:   CPU model buffer size =     0.00 MiB",
        "ggml_aligned_malloc: insufficient memory (attempted to allocate 500.00 MB)",
        "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 524288000",
        "alloc_tensor_range: failed to allocate CPU_REPACK buffer of size 524288000",
    ]
    needed = read(lines, 800 * MIB, can_map=True)
    assert (needed.mapped, needed.allocated, needed.copied) == (300 * MIB, 500 * MIB, 500 * MIB)


def test_a_log_that_says_nothing_leaves_the_weights():
    assert read([], 800, can_map=True) == Memory(mapped=800, allocated=0, cache=0, compute=0)
