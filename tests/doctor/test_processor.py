from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from ggufeval.doctor import processor
from ggufeval.doctor.processor import Processor, cores_allowed, from_cpuinfo, from_sysctl

EPYC = """processor\t: 0
model name\t: AMD EPYC 9654
flags\t\t: fpu fma f16c bmi2 avx2 avx512f avx512vbmi avx512_vnni avx512_bf16

processor\t: 1
model name\t: AMD EPYC 9654
flags\t\t: fpu fma f16c bmi2 avx2 avx512f avx512vbmi avx512_vnni avx512_bf16
"""


def test_linux_on_x86():
    features = "AVX2 FMA F16C BMI2 AVX512 AVX512_VBMI AVX512_VNNI AVX512_BF16"
    assert from_cpuinfo(EPYC) == Processor("AMD EPYC 9654", frozenset(features.split()))


def test_an_accelerator_of_matrices():
    found = from_cpuinfo("model name : Xeon\nflags : avx2 avx_vnni amx_tile amx_int8 amx_bf16")
    assert found.features == {"AVX2", "AVX_VNNI", "AMX_INT8"}


def test_linux_on_arm(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    found = from_cpuinfo("processor : 0\nFeatures : fp asimd asimddp sve i8mm\n")
    assert found == Processor("aarch64", frozenset({"NEON", "DOTPROD", "SVE", "MATMUL_INT8"}))


def test_what_only_some_cores_can_is_not_offered():
    two = "flags : avx2 fma avx512f\n\nflags : avx2 fma\n"
    assert from_cpuinfo(two).features == {"AVX2", "FMA"}


@pytest.mark.parametrize("text", ["", "nothing of the kind", "model name : X\n"])
def test_a_system_that_does_not_tell(text):
    assert from_cpuinfo(text).features is None


def test_macos():
    apple = {
        "machdep.cpu.brand_string": "Apple M3",
        "hw.optional.neon": "1",
        "hw.optional.arm.FEAT_DotProd": "1",
        "hw.optional.arm.FEAT_I8MM": "1",
        "hw.optional.arm.FEAT_SME": "0",
    }
    assert from_sysctl(apple) == Processor(
        "Apple M3", frozenset({"NEON", "DOTPROD", "MATMUL_INT8"})
    )
    assert from_sysctl({"hw.optional.avx2_0": "1", "hw.optional.avx512f": "0"}).features == {"AVX2"}
    assert from_sysctl({}).features is None


def test_macos_is_asked_by_its_own_program(monkeypatch, tmp_path):
    program = tmp_path / "sysctl"
    program.write_text("#!/bin/sh\necho 'hw.optional.neon: 1'\necho 'odd'\n")
    program.chmod(0o755)
    run = processor.subprocess.run

    def instead(command, **options):
        return run([str(program), *command[1:]], **options)

    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(processor.subprocess, "run", instead)
    assert processor.here().features == {"NEON"}
    program.unlink()
    assert processor.here().features is None


def test_another_system(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    assert processor.here().features is None


# --- what a container leaves ---


@pytest.fixture
def allowed(tmp_path: Path):
    def make(own: str, files: dict[str, str]) -> float | None:
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        (tmp_path / "self").write_text(own)
        return cores_allowed(tmp_path / "self", tmp_path / "cgroup")

    return make


def test_the_time_that_version_2_leaves(allowed):
    assert allowed("0::/\n", {"cpu.max": "150000 100000"}) == 1.5


def test_the_narrowest_of_groups_within_groups(allowed):
    files = {"user/cpu.max": "200000 100000", "user/run/cpu.max": "max 100000"}
    assert allowed("0::/user/run\n", files) == 2


def test_the_time_that_version_1_leaves(allowed):
    files = {"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}
    assert allowed("4:memory:/docker/4f\n3:cpu,cpuacct:/docker/4f\n", files) == 4


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu.max": "max 100000"},
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
    ],
)
def test_no_limit(allowed, files):
    assert allowed("3:cpu:/\n0::/\n", files) is None


def test_this_very_process():
    found = cores_allowed()
    assert found is None or found > 0
    assert 0 <= processor.busy_cores() <= (os.cpu_count() or 1)
