"""The cache of the hub's client on this disk: its layout, and what is in it, asking nobody.

It is documented: `models--OWNER--REPO/` has `snapshots/COMMIT/FILE`, links into `blobs/`, where
a large file is called by its sha256, and `refs/main` with the commit of the branch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from ggufeval.catalog.repository import HubFile, Listing, models
from ggufeval.errors import UnavailableError

_SHA256 = re.compile("[0-9a-f]{64}")


def folder(cache: Path, repository: str) -> Path:
    return cache / f"models--{repository.replace('/', '--')}"


def path(cache: Path, the_listing: Listing, name: str) -> Path:
    """Where a file of a repository is, or would be."""
    return folder(cache, the_listing.repository) / "snapshots" / the_listing.commit / name


def repositories(cache: Path) -> tuple[str, ...]:
    """`OWNER/REPO` of every repository of models in the cache."""
    names = sorted(found.name for found in cache.glob("models--*--*"))
    return tuple(name.removeprefix("models--").replace("--", "/", 1) for name in names)


def listings(cache: Path, repository: str, absence: str = "") -> Iterator[Listing]:
    """What the cache holds of a repository, a listing for each commit with whole models: the one
    that `main` was at last, then the others, the newest first. `absence` says why the hub is not
    asked.
    """
    for snapshot in _snapshots(folder(cache, repository)):
        files = [
            HubFile(file.relative_to(snapshot).as_posix(), file.stat().st_size, sha256_of(file))
            for file in snapshot.rglob("*")
            if file.is_file()
        ]
        if found := models(repository, files):
            yield Listing(repository, snapshot.name, found, absence)


def listing(
    cache: Path, repository: str, wanted: Collection[str], absence: str, commit: str = ""
) -> Listing:
    """The first of them that has all that is wanted, levels or files; else the first. With
    `commit`, the one at that.

    Raises UnavailableError where the cache holds no whole model.
    """
    found = [each for each in listings(cache, repository, absence) if commit in {"", each.commit}]
    if not found:
        at = f" at {commit}" if commit else ""
        raise UnavailableError(
            f"{repository}{at} is not in the hub's cache ({cache}), and {absence}. "
            "Run once with a network, or give the path of a GGUF."
        )
    return next((each for each in found if all(each.has(name) for name in wanted)), found[0])


def blob(file: Path) -> Path:
    """Where the bytes of a file are, or are said to be: one step of links, since behind it the
    client may keep them under a hash of another kind, for several repositories together.
    """
    return Path(os.path.normpath(file.parent / file.readlink())) if file.is_symlink() else file


def sha256_of(file: Path) -> str:
    """What a file should hash to, as the cache's own name for it tells; '' where it does not
    (on Windows without links)."""
    name = blob(file).name
    return name if _SHA256.fullmatch(name) else ""


def is_used(the_blob: Path) -> bool:
    """Whether a file of some snapshot still is a link to it."""
    snapshots = the_blob.parent.parent / "snapshots"
    return any(file.is_symlink() and blob(file) == the_blob for file in snapshots.rglob("*"))


def dangling(cache: Path, repository: str) -> Iterator[Path]:
    """Files of its snapshots whose bytes are gone."""
    for file in (folder(cache, repository) / "snapshots").rglob("*"):
        if file.is_symlink() and not file.exists():
            yield file


def link(cache: Path, the_listing: Listing, name: str, the_blob: Path) -> None:
    """Give a blob the name of a file, as the client does; where the disk has no links, move it."""
    target = path(cache, the_listing, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)  # a link to a blob that somebody deleted
    try:
        target.symlink_to(os.path.relpath(the_blob, target.parent))
    except OSError:
        the_blob.replace(target)


def remember(cache: Path, the_listing: Listing) -> None:
    """Note at which commit `main` is, as the client does; nothing, of another commit."""
    if not the_listing.is_main:
        return
    main = _main(folder(cache, the_listing.repository))
    main.parent.mkdir(parents=True, exist_ok=True)
    main.write_text(the_listing.commit, encoding="utf-8")


def _main(repository: Path) -> Path:
    return repository / "refs" / "main"


def _snapshots(repository: Path) -> list[Path]:
    found = [snapshot for snapshot in (repository / "snapshots").glob("*") if snapshot.is_dir()]
    found.sort(key=lambda snapshot: -snapshot.stat().st_mtime)
    main = _main(repository)
    commit = main.read_text(encoding="utf-8").strip() if main.is_file() else ""
    return sorted(found, key=lambda snapshot: snapshot.name != commit)
