"""MMLU from the Hugging Face hub. The only file that imports `datasets`."""

from __future__ import annotations

import hashlib
import os
import re
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

    Raises DataError where it is not there and cannot be fetched, or must not be, or is damaged.
    """
    cache = cache_folder(os.environ)
    snapshot = cache / f"datasets--{REPO.replace('/', '--')}" / "snapshots" / REVISION
    cached = {split: snapshot / file for split, file in FILES.items()}
    # A commit never changes: what is in the cache needs no word from the hub.
    if all(os.access(path, os.R_OK) for path in cached.values()):
        return _whole(cached)
    if offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise DataError(
            f"MMLU is not in the hub's cache ({cache}), and --offline or HF_HUB_OFFLINE forbids "
            f"to fetch it. Run once with a network, or {_OTHERWISE}."
        )
    return _whole(_download())


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
        what, advice = _explain(error)
        raise DataError(
            f"MMLU could not be fetched from {endpoint} ({what}). {advice}, or {_OTHERWISE}."
        ) from error
    return {split: Path(path) for split, path in paths.items()}


def _explain(error: BaseException) -> tuple[str, str]:
    """What happened, and what to do about it."""
    # That a file is not there is what the client concludes, from 429 or no answer too.
    while isinstance(error, FileNotFoundError) and error.__cause__:
        error = error.__cause__
    response = getattr(error, "response", None)
    status = 0 if response is None else response.status_code
    said = getattr(error, "server_message", None) or str(error)
    reason = f"{status or ''} {said}".split("\n")[0].strip().rstrip(".")
    if status == 429:
        wait = re.search(r"Retry after (\d+ seconds)", str(error))
        advice = f"Run again in {wait[1] if wait else 'five minutes'}, or set HF_TOKEN"
    elif status >= 500:
        advice = "Run again later"
    elif status:
        advice = "Check HF_ENDPOINT and HF_TOKEN"
    elif getattr(error, "filename", None):
        advice = "Set HF_HOME to a folder that can be written"
    else:
        advice = "Check the network"
    return f"{type(error).__name__}: {reason}".rstrip(": "), advice


def _whole(paths: dict[str, Path]) -> dict[str, Path]:
    for path in paths.values():
        # The client names a file by the sha256 that the hub has promised, and does not check it.
        promised = _blob(path).name
        if re.fullmatch("[0-9a-f]{64}", promised):
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != promised:
                raise DataError(
                    f"{path.resolve()} is damaged: the hub promised sha256 {promised}, and it has "
                    f"{found}. Delete it and run again, or {_OTHERWISE}."
                )
    return paths


def _blob(path: Path) -> Path:
    """One step of links: behind it the client may keep the bytes under a hash of another kind."""
    return path.parent / path.readlink() if path.is_symlink() else path
