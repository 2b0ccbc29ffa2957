"""Repositories as the hub describes them, made from folders. Used by hub_stand_in.py."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ggufeval.tasks import hub

LARGE = {".arrow", ".bin", ".gguf", ".gzip", ".parquet", ".safetensors"}
"""What the hub keeps outside git: such files have a sha256, and come from its CDN."""
PINNED = {f"datasets/{hub.REPO}": hub.REVISION}
"""Repositories whose commit is what our code asks for, whatever the folder holds."""


@dataclass(frozen=True)
class Blob:
    """A file's content: what git knows of it and, for a large one, what LFS knows."""

    path: Path
    size: int
    oid: str
    sha256: str | None = None
    pointer_size: int = 0

    @property
    def etag(self) -> str:
        return self.sha256 or self.oid


@dataclass(frozen=True)
class Repository:
    kind: str
    """`models` or `datasets`."""
    folder: Path
    """OWNER/NAME; or OWNER/NAME@ANYTHING, which is what it was before."""

    @property
    def id(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name.partition('@')[0]}"

    @property
    def is_main(self) -> bool:
        return "@" not in self.folder.name

    @property
    def page(self) -> str:
        return f"/{self.id}" if self.kind == "models" else f"/{self.kind}/{self.id}"

    def files(self) -> dict[str, Blob]:
        """Names in the hub's order, which is git's."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        named = {path.relative_to(self.folder).as_posix(): path for path in paths}
        return {name: blob(named[name]) for name in sorted(named)}

    @property
    def commit(self) -> str:
        content = "".join(f"{name} {file.etag}\n" for name, file in self.files().items())
        return PINNED.get(f"{self.kind}/{self.id}", _sha1(content.encode()))

    def info(self, *, blobs: bool, gated: bool) -> dict[str, Any]:
        """The answer to `model_info`; `blobs` is the client's `files_metadata`."""
        siblings = [
            {"rfilename": name} | (_sibling(file) if blobs else {})
            for name, file in self.files().items()
        ]
        more = {"sha": self.commit, "siblings": siblings, "gated": "manual" if gated else False}
        return self.summary() | more

    def summary(self) -> dict[str, Any]:
        """A row of `list_models`."""
        what = {"id": self.id, "author": self.id.split("/")[0], "private": False, "tags": []}
        return what | {"downloads": 0, "likes": 0, "createdAt": "2024-09-18T15:03:14.000Z"}

    def tree(self, under: str, *, recursive: bool, expand: bool) -> list[dict[str, Any]]:
        """The answer to `list_repo_tree`: folders first."""
        prefix = f"{under}/" if under else ""
        folders: dict[str, dict[str, Any]] = {}
        files = []
        for name, file in self.files().items():
            if not name.startswith(prefix):
                continue
            parts = name.removeprefix(prefix).split("/")
            for depth in range(1, len(parts) if recursive else min(2, len(parts))):
                path = prefix + "/".join(parts[:depth])
                oid = _sha1(path.encode())
                folders[path] = {"type": "directory", "oid": oid, "size": 0, "path": path}
            if recursive or len(parts) == 1:
                files.append(_entry(name, file))
        commit = {"id": self.commit, "title": "Upload", "date": "2024-10-24T15:20:57.000Z"}
        more = {"lastCommit": commit} if expand else {}
        return [entry | more for entry in [*folders.values(), *files]]


def blob(path: Path) -> Blob:
    about = path.stat()
    return _blob(path, about.st_size, about.st_mtime_ns)


@functools.cache
def _blob(path: Path, size: int, _changed: int) -> Blob:
    """Hashes a file once for as long as nobody writes to it."""
    if path.suffix not in LARGE:
        return Blob(path, size, _git_oid(path.read_bytes()))
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    # In git there is a pointer in its place.
    lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{sha256}", f"size {size}")
    pointer = "".join(f"{line}\n" for line in lines).encode()
    return Blob(path, size, _git_oid(pointer), sha256, len(pointer))


def _git_oid(data: bytes) -> str:
    return _sha1(b"blob %d\0" % len(data) + data)


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _sibling(file: Blob) -> dict[str, Any]:
    lfs = {"sha256": file.sha256, "size": file.size, "pointerSize": file.pointer_size}
    return {"size": file.size, "blobId": file.oid} | ({"lfs": lfs} if file.sha256 else {})


def _entry(name: str, file: Blob) -> dict[str, Any]:
    entry = {"type": "file", "oid": file.oid, "size": file.size, "path": name}
    lfs = {"oid": file.sha256, "size": file.size, "pointerSize": file.pointer_size}
    return entry | ({"lfs": lfs} if file.sha256 else {})
