from __future__ import annotations

import platform

import pytest

from ggufeval.doctor import build
from ggufeval.doctor.gpus import Gpu
from ggufeval.doctor.processor import Processor
from ggufeval.errors import WorkerError
from ggufeval.llama.worker import Machine
from ggufeval.types import BuildInfo

NATIVE = (
    "CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | BMI2 = 1 | AVX512 = 1 | "
    "AVX512_VNNI = 1 | LLAMAFILE = 1 | OPENMP = 1 | REPACK = 1 |"
)
PLAIN = "CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | BMI2 = 1 | AVX512 = 0 | "
CPU = "CPU: AMD EPYC"
WIDE = Processor("AMD EPYC", frozenset(["AVX2", "F16C", "FMA", "BMI2", "AVX512", "AVX512_VNNI"]))
PIP = (
    "pip install --force-reinstall --no-deps --no-cache-dir --no-binary llama-cpp-python "
    "llama-cpp-python==0.3.36"
)
CUDA = Gpu("NVIDIA H100", "GGML_CUDA", "NVIDIA's driver")
INTEL = Gpu("Intel GPU 0x46a6", "GGML_VULKAN", "/dev/dri/renderD128")


@pytest.fixture(autouse=True)
def linux(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Linux")


def machine(system_info=NATIVE, devices=(CPU,), gpus=()):
    info = BuildInfo("0.3.36", "0c1e570", "d22e", system_info, (*gpus, *devices))
    return Machine(info, bool(gpus), gpus)


def found(group, *arguments):
    return [finding for finding in build.findings(*arguments) if finding.group == group]


def test_what_llama_cpp_says_it_has():
    has = build.compiled(machine(PLAIN).build)
    assert has == {"SSE3", "AVX", "AVX2", "F16C", "FMA", "BMI2"}


def test_a_build_for_this_processor():
    version, instructions, threads, products = found("build", machine(), WIDE)
    assert version.text == "llama-cpp-python 0.3.36, llama.cpp 0c1e570"
    assert instructions.status == "ok"
    assert instructions.text.endswith("offers: AVX2 AVX512 AVX512_VNNI BMI2 F16C FMA")
    assert threads.status == products.status == "ok"
    assert products.facts == {"blas": ""}


def test_instructions_left_unused():
    _, instructions, threads, _ = found("build", machine(PLAIN), WIDE)
    assert instructions.is_wrong
    assert "leaves AVX512 AVX512_VNNI unused" in instructions.text
    assert instructions.facts["unused"] == ["AVX512", "AVX512_VNNI"]
    assert instructions.command == f'CMAKE_ARGS="-DGGML_NATIVE=on" {PIP}'
    assert threads.status == "note"


def test_a_build_for_a_gpu_keeps_it():
    one = machine(PLAIN, gpus=("CUDA0: NVIDIA H100", "CUDA1: NVIDIA H100"))
    command = found("build", one, WIDE)[1].command
    assert command == f'CMAKE_ARGS="-DGGML_NATIVE=on -DGGML_CUDA=on" {PIP}'


def test_a_processor_that_offers_less_is_no_fault():
    (_, instructions, *_) = found("build", machine(), Processor("old", frozenset({"AVX2"})))
    assert (instructions.status, instructions.command) == ("ok", "")


def test_what_a_wider_instruction_does_is_not_missed():
    offers = Processor("Xeon", WIDE.features | {"AVX_VNNI"})
    assert found("build", machine(), offers)[1].status == "ok"
    narrow = Processor("Core", frozenset({"AVX2", "AVX_VNNI"}))
    assert found("build", machine(PLAIN), narrow)[1].facts["unused"] == ["AVX_VNNI"]


def test_a_processor_that_does_not_tell():
    (_, instructions, *_) = found("build", machine(), Processor("?", None))
    assert instructions.status == "note"
    assert "AVX2" in instructions.text
    assert instructions.facts["offered"] is None


@pytest.mark.parametrize(
    ("one", "name"),
    [
        (machine(devices=("BLAS: OpenBLAS", CPU)), "OpenBLAS"),
        (machine(NATIVE + " ACCELERATE = 1 |"), "Accelerate"),
    ],
)
def test_a_blas_is_told(one, name):
    products = found("build", one, WIDE)[3]
    assert (products.status, products.facts["blas"]) == ("note", name)


# --- devices ---


def test_no_gpu():
    (none,) = found("devices", machine(), WIDE, ())
    assert (none.status, none.facts["device"]) == ("ok", "")


def test_a_gpu_in_use():
    (used,) = found("devices", machine(gpus=("CUDA0: NVIDIA H100",)), WIDE, (CUDA, INTEL))
    assert (used.status, used.text) == ("ok", "offloads to CUDA0: NVIDIA H100")


def test_gpus_left_unused():
    nvidia, intel = found("devices", machine(), WIDE, (CUDA, INTEL, CUDA))
    assert nvidia.is_wrong
    assert nvidia.text.startswith("NVIDIA H100 (NVIDIA's driver) and NVIDIA H100 (NVIDIA's driver)")
    assert nvidia.command == f'CMAKE_ARGS="-DGGML_CUDA=on" {PIP}'
    assert intel.status == "note"
    assert intel.command == f'CMAKE_ARGS="-DGGML_VULKAN=on" {PIP}'


def test_apple_needs_no_option():
    apple = Gpu("Apple GPU", "GGML_METAL", "Apple silicon")
    (unused,) = found("devices", machine(), WIDE, (apple,))
    assert (unused.is_wrong, unused.command) == (True, PIP)


def test_a_build_with_cuda_that_finds_no_device_is_not_built_again():
    info = f"CUDA : ARCHS = 900 | USE_GRAPHS = 1 | {NATIVE}"
    (unused,) = found("devices", machine(info), WIDE, (CUDA,))
    assert (unused.is_wrong, unused.command) == (True, "")
    assert "this build has CUDA, and finds no device" in unused.text


def test_windows_sets_variables_in_another_way(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    command = build.reinstall("0.3.36", ["GGML_CUDA"])
    assert command == f'set "CMAKE_ARGS=-DGGML_CUDA=on" && {PIP}'


# --- this very build ---


def test_the_build_that_is_installed():
    findings = list(build.here())
    assert findings[0].text.startswith("llama-cpp-python 0.")
    assert {finding.group for finding in findings} == {"build", "devices"}
    assert len(findings[0].facts["libraries_sha256"]) == 64
    assert "SSE3" in findings[1].facts["compiled"] or "NEON" in findings[1].facts["compiled"]


def test_a_build_that_does_not_load_is_a_finding(monkeypatch):
    def fail(_):
        raise WorkerError("llama-cpp-python, which runs the models, cannot be loaded: libgomp.")

    monkeypatch.setattr(build.ModelProcess, "machine", fail)
    (only,) = build.here()
    assert only.is_wrong
    assert "cannot be loaded" in only.text
