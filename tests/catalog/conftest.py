"""A catalogue of one model, whose wheels lie in a folder that pip is told to use."""

import hashlib
import struct
import zipfile

import pytest

from ggufeval.catalog import resolve
from ggufeval.catalog.entries import Entry, Package, WheelSource

PIECES = (b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + b"a" * 3_000_000, b"b" * 10, b"c" * 2_000_000)


def make_wheel(folder, name, files, version="1.0"):
    """The least that pip takes for a wheel."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file, content in files.items():
            wheel.writestr(f"{module}/{file}", content)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += "Requires-Dist: no-such-package-at-all\n"
        wheel.writestr(f"{info}/METADATA", metadata)
        tag = "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{info}/WHEEL", tag)
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """The folder with the tiny model's two wheels."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    make_wheel(folder, "tiny-part1", {"data/0.bin": PIECES[0], "data/1.bin": PIECES[1]})
    make_wheel(folder, "tiny-part2", {"data/2.bin": PIECES[2]})
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def tiny():
    whole = b"".join(PIECES)
    return WheelSource(
        file="Tiny.Q4_1.gguf",
        quantization="Q4_1",
        size_bytes=len(whole),
        sha256=hashlib.sha256(whole).hexdigest(),
        packages=(
            Package("tiny-part1==1.0", ("tiny_part1/data/0.bin", "tiny_part1/data/1.bin")),
            Package("tiny-part2==1.0", ("tiny_part2/data/2.bin",)),
        ),
    )


@pytest.fixture
def entry(tiny):
    return Entry(
        name="tiny-model",
        title="Tiny",
        architecture="llama",
        parameters=1,
        licence="MIT",
        description="Tiny.",
        levels=("F16", "Q8_0"),
        source=tiny,
        published=(),
    )


@pytest.fixture
def catalogue(entry, tmp_path, monkeypatch):
    """The tiny model is the whole catalogue, and the cache is empty."""
    monkeypatch.setattr(resolve, "entries", lambda: (entry,))
    monkeypatch.setenv("GGUFEVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"
