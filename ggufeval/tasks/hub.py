"""MMLU from the Hugging Face hub. The only file that imports `datasets`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ggufeval.errors import DataError

REPO = "cais/mmlu"
REVISION = "c30699e8356da336a370243923dbaf21066bb9fe"
SOURCE = f"{REPO}@{REVISION[:8]}"
# The config `all`. Loading it by name would fetch its auxiliary_train too, 47 MB of no use here.
FILES = {
    "test": "all/test-00000-of-00001.parquet",
    "dev": "all/dev-00000-of-00001.parquet",
}

_OTHERWISE = "give a local copy with --data PATH, or try the embedded questions with --task sample"


def parquet_files(*, offline: bool) -> dict[str, Path]:
    """Split -> its parquet file in the hub's cache, fetched if it is not there yet.

    Raises DataError where it is not there and cannot be fetched, or must not be.
    """
    cache = cache_folder(os.environ)
    snapshot = cache / f"datasets--{REPO.replace('/', '--')}" / "snapshots" / REVISION
    cached = {split: snapshot / file for split, file in FILES.items()}
    # A commit never changes: what is in the cache needs no word from the hub.
    if all(os.access(path, os.R_OK) for path in cached.values()):
        return cached
    if offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise DataError(
            f"MMLU is not in the hub's cache ({cache}), and --offline or HF_HUB_OFFLINE forbids "
            f"to fetch it. Run once with a network, or {_OTHERWISE}."
        )
    return _download()


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where the hub's client keeps files, by its documented variables."""
    home = Path(environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    hub = Path(environ.get("HF_HOME", home)) / "hub"
    folder = environ.get("HF_HUB_CACHE", environ.get("HUGGINGFACE_HUB_CACHE", hub))
    return Path(os.path.expandvars(folder)).expanduser()


def _download() -> dict[str, Path]:
    import datasets

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    urls = {split: f"hf://datasets/{REPO}@{REVISION}/{file}" for split, file in FILES.items()}
    # Not load_dataset: it keeps a second copy as Arrow files, and without a network it takes
    # whichever revision was cached last.
    try:
        paths = datasets.DownloadManager().download(urls)
    except Exception as error:
        # Whatever its HTTP client raises: that has been requests, httpx and httpx2 so far.
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        reason = str(error).split("\n")[0].rstrip(".")
        raise DataError(
            f"MMLU could not be fetched from {endpoint} ({type(error).__name__}: {reason}). "
            f"Check the network, or {_OTHERWISE}."
        ) from error
    return {split: Path(path) for split, path in paths.items()}
