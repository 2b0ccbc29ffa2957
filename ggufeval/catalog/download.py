"""Models from the hub into its client's own cache, where other programs find them too.

What the client does not do is to go on with a download where another process stopped: it throws
half a file away. Nor does it look at what came, as long as the size is right. So the bytes are
kept, counted and hashed here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ggufeval.catalog import hub, hubcache
from ggufeval.catalog.hub import Say
from ggufeval.catalog.repository import HubFile, HubModel, Listing
from ggufeval.errors import ModelError, UnreachableError

Progress = Callable[[int, int], None]
"""Called with the bytes fetched so far, and with all of them."""

_PATIENCE_SECONDS = 20.0
_PAUSE_SECONDS = 2.0


def fetch(
    the_listing: Listing, wanted: Sequence[HubModel], progress: Progress, say: Say
) -> list[Path]:
    """The first file of each model in the hub's cache, fetched unless all are there.

    Raises ModelError where the network, the disk or the bytes fail. What has come by then is kept,
    and the next call goes on from there.
    """
    cache = hub.cache()
    files = {file.name: file for model in wanted for file in model.files}
    missing = [file for file in files.values() if not _is_there(the_listing, file)]
    if missing:
        with _disk(hubcache.folder(cache, the_listing.repository)):
            _fetch_all(the_listing, missing, progress, say)
    return [hubcache.path(cache, the_listing, model.files[0].name) for model in wanted]


def lacking(the_listing: Listing, model: HubModel) -> int | None:
    """Bytes of a model that are still to come; None where all its files are in the hub's cache."""
    missing = [file for file in model.files if not _is_there(the_listing, file)]
    folder = hubcache.folder(hub.cache(), the_listing.repository)
    return _needed(folder, missing) if missing else None


def _fetch_all(
    the_listing: Listing, missing: Sequence[HubFile], progress: Progress, say: Say
) -> None:
    cache = hub.cache()
    _check_space(hubcache.folder(cache, the_listing.repository), missing)
    total = sum(file.size_bytes for file in missing)

    def moved_on_from(done: int) -> Callable[[int], None]:
        return lambda size: progress(done + size, total)

    done = 0
    for file in missing:
        if file.sha256:
            _fetch(the_listing, file, moved_on_from(done), say)
        else:
            hub.receive_small(the_listing, file)
            progress(done + file.size_bytes, total)
        done += file.size_bytes
    hubcache.remember(cache, the_listing)


def _fetch(the_listing: Listing, file: HubFile, moved: Callable[[int], None], say: Say) -> None:
    cache = hub.cache()
    blob = _blob(hubcache.folder(cache, the_listing.repository), file)
    lock = cache / ".locks" / blob.parents[1].name / f"{file.sha256}.lock"
    blob.parent.mkdir(parents=True, exist_ok=True)
    with hub.lock(lock, lambda: say(f"Another process fetches {file.name}: waiting for it ...")):
        if _is_there(the_listing, file):  # by now
            return
        if not (_has_size(blob, file) and _sha256(blob) == file.sha256):
            half = _half(blob)
            _complete(the_listing, file, half, moved, say)
            _verify(the_listing, file, half)
            half.replace(blob)
        hubcache.link(cache, the_listing, file.name, blob)


def _complete(
    the_listing: Listing, file: HubFile, half: Path, moved: Callable[[int], None], say: Say
) -> None:
    """Fetch what the half lacks, again and again, unless nothing comes any more."""
    with half.open("ab") as stream:
        if stream.tell() > file.size_bytes:
            stream.seek(0)
            stream.truncate()
        moved(size := stream.tell())
        last = time.monotonic()
        while size < file.size_bytes:
            try:
                hub.receive(the_listing, file, stream, moved, say)
                break  # with all that the hub has
            except UnreachableError:
                if stream.tell() > size:
                    last = time.monotonic()
                elif time.monotonic() - last > _PATIENCE_SECONDS:
                    raise
                size = stream.tell()
                time.sleep(_PAUSE_SECONDS)
        os.fsync(stream.fileno())


def _verify(the_listing: Listing, file: HubFile, half: Path) -> None:
    found = _sha256(half)
    if found == file.sha256:
        return
    size = half.stat().st_size
    half.unlink()
    what = (
        f"sha256 {file.sha256} was expected, {found} was downloaded"
        if size == file.size_bytes
        else f"{file.size_bytes:,} bytes were expected, {size:,} were downloaded"
    )
    raise ModelError(
        f"{the_listing.repository}/{file.name}: {what}. Nothing was kept: run again, and if it "
        "happens again, check HF_ENDPOINT and what stands between you and the hub."
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_there(the_listing: Listing, file: HubFile) -> bool:
    """Whether the cache has it, and not a part of it: what it has is hashed when it is used."""
    return _has_size(hubcache.path(hub.cache(), the_listing, file.name), file)


def _has_size(path: Path, file: HubFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size_bytes


def _blob(folder: Path, file: HubFile) -> Path:
    return folder / "blobs" / file.sha256


def _half(blob: Path) -> Path:
    """The name is the content's hash, so that it can only be continued with the same."""
    return blob.with_name(f"{blob.name}.incomplete")


def _needed(folder: Path, missing: Sequence[HubFile]) -> int:
    needed = 0
    for file in missing:
        blob = _blob(folder, file)
        if not _has_size(blob, file):
            half = _half(blob)
            needed += file.size_bytes - (half.stat().st_size if half.is_file() else 0)
    return needed


def _check_space(folder: Path, missing: Sequence[HubFile]) -> None:
    needed = _needed(folder, missing)
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise ModelError(
            f"Fetching {', '.join(file.name for file in missing)} needs {needed / 1e9:.2f} GB of "
            f"disk in {folder.parent}; {free / 1e9:.2f} GB are free. Make room, or set HF_HOME to "
            "a folder on another disk."
        )


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"{error.filename or folder}: cannot be written: {error.strerror or error}. Make room "
            "or permit it there, or set HF_HOME to another folder."
        ) from error
