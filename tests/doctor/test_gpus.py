from __future__ import annotations

import platform
from pathlib import Path

import pytest

from ggufeval.doctor import gpus
from ggufeval.doctor.gpus import Gpu, present


@pytest.fixture(autouse=True)
def no_program(monkeypatch):
    """Whatever this machine has."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(gpus.shutil, "which", lambda _: None)


def put(root: Path, name: str, text: str = "") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def card(root: Path, number: int, model: str) -> None:
    text = f"Model: \t\t {model}\nIRQ:   \t 1\nDevice Minor: \t {number}\n"
    put(root, f"proc/driver/nvidia/gpus/0000:0{number}:00.0/information", text)


def test_no_gpu(tmp_path):
    assert present(tmp_path) == ()


def test_nvidia(tmp_path):
    card(tmp_path, 0, "NVIDIA H100")
    put(tmp_path, "dev/nvidia0")
    assert present(tmp_path) == (Gpu("NVIDIA H100", "GGML_CUDA", "NVIDIA's driver"),)


def test_a_container_has_the_cards_that_it_was_given(tmp_path):
    card(tmp_path, 0, "NVIDIA H100")
    card(tmp_path, 1, "NVIDIA L4")
    put(tmp_path, "dev/nvidiactl")
    assert present(tmp_path) == ()
    put(tmp_path, "dev/nvidia1")
    assert [gpu.name for gpu in present(tmp_path)] == ["NVIDIA L4"]


def test_drivers_of_linux(tmp_path):
    for node, vendor in (
        ("renderD128", "0x8086"),
        ("renderD129", "0x1002"),
        ("renderD130", "0x1af4"),
    ):
        put(tmp_path, f"dev/dri/{node}")
        put(tmp_path, f"sys/class/drm/{node}/device/vendor", f"{vendor}\n")
        put(tmp_path, f"sys/class/drm/{node}/device/device", "0x46a6\n")
    put(tmp_path, "dev/dri/card0")
    assert present(tmp_path) == (
        Gpu("Intel GPU 0x46a6", "GGML_VULKAN", "/dev/dri/renderD128"),
        Gpu("AMD GPU 0x46a6", "GGML_VULKAN", "/dev/dri/renderD129"),
    )


@pytest.mark.parametrize(("machine", "n"), [("arm64", 1), ("x86_64", 0)])
def test_apple(monkeypatch, machine, n):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert [gpu.backend for gpu in present()] == n * ["GGML_METAL"]


@pytest.fixture
def smi(monkeypatch, tmp_path):
    """nvidia-smi as a script of the shell."""

    def write(script: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(gpus.shutil, "which", lambda _: str(program))

    return write


def test_nvidia_where_only_its_program_tells(smi, tmp_path):
    smi("echo 'NVIDIA GeForce RTX 4090'; echo 'NVIDIA L4'")
    assert present(tmp_path) == (
        Gpu("NVIDIA GeForce RTX 4090", "GGML_CUDA", "nvidia-smi"),
        Gpu("NVIDIA L4", "GGML_CUDA", "nvidia-smi"),
    )


def test_a_program_without_a_driver(smi, tmp_path, monkeypatch):
    smi("echo 'NVIDIA-SMI has failed'; exit 9")
    assert present(tmp_path) == ()
    smi("exec sleep 60")
    monkeypatch.setattr(gpus, "_SMI_SECONDS", 0.1)
    assert present(tmp_path) == ()


def test_a_program_that_cannot_be_started(monkeypatch, tmp_path):
    monkeypatch.setattr(gpus.shutil, "which", lambda _: str(tmp_path / "gone"))
    assert present(tmp_path) == ()
