"""Llama 3's vocabulary and LLaMA 3.2's chat template, out of llama-cpp-python's sources.

    python scripts/llama3_files.py

Prints the folder that holds them. pip downloads the source distribution (77 MB) once, from where
it gets its packages, and checks its hash before it looks inside; what is kept is 8 MB.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from ggufeval.catalog.cache import cache_folder

VOCABULARY = "ggml-vocab-llama-bpe.gguf"
TEMPLATE = "meta-llama-Llama-3.2-3B-Instruct.jinja"

_RELEASE = "llama-cpp-python==0.3.36"
_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
"""Of the source distribution, as in requirements/run.lock."""
_MODELS = "llama_cpp_python-0.3.36/vendor/llama.cpp/models"
_MEMBERS = {
    f"{_MODELS}/{VOCABULARY}": "97272e430d53bc7688f52d5e0ad8ea8f163ede9f1bbd1694feaa504797d5d96e",
    f"{_MODELS}/templates/{TEMPLATE}": (
        "5816fce10444e03c2e9ee1ef8a4a1ea61ae7e69e438613f3b17b69d0426223a4"
    ),
}


def folder() -> Path:
    """The folder with both files, fetched unless they are there."""
    final = cache_folder() / "llama-cpp-python-0.3.36"
    if not _complete(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".llama3-", dir=final.parent) as work:
            _extract(_download(Path(work)), Path(work) / "files")
            _install(Path(work) / "files", final)
    return final


def _complete(final: Path) -> bool:
    names = {Path(member).name: sha256 for member, sha256 in _MEMBERS.items()}
    return all(
        (final / name).is_file() and _sha256((final / name).read_bytes()) == sha256
        for name, sha256 in names.items()
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _download(work: Path) -> Path:
    """pip asks a source distribution for its metadata, and so fetches what builds it, unbuilt."""
    wanted = work / "requirement.txt"
    wanted.write_text(f"{_RELEASE} --hash=sha256:{_SHA256}\n")
    # -P: a folder `pip` where the user happens to be must not be run.
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    command += ["--no-binary=llama-cpp-python", "--require-hashes", "-r", str(wanted)]
    command += ["--disable-pip-version-check", "--progress-bar=off", "-d", str(work)]
    # A pip that is too old to know build constraints overlooks this.
    pins = Path(__file__).parents[1] / "requirements" / "build.lock"
    subprocess.run(command, env=os.environ | {"PIP_BUILD_CONSTRAINT": str(pins)}, check=True)
    (archive,) = work.glob("*.tar.gz")
    return archive


def _extract(archive: Path, target: Path) -> None:
    target.mkdir()
    with tarfile.open(archive) as source:
        for member, sha256 in _MEMBERS.items():
            file = source.extractfile(member)
            content = file.read() if file else b""
            if _sha256(content) != sha256:
                raise SystemExit(f"{archive.name}: {member} is not what it was.")
            (target / Path(member).name).write_bytes(content)


def _install(files: Path, final: Path) -> None:
    if final.exists() and not _complete(final):
        shutil.rmtree(final)
    try:
        files.replace(final)
    except OSError:
        if not _complete(final):  # else another process was faster
            raise


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print(folder())
