"""What of all models is on this disk, and how to get rid of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ggufeval.catalog import hub, hubcache
from ggufeval.catalog.cache import DEQUANTIZED_FOLDER, models_folder
from ggufeval.catalog.entries import HubSource, entries
from ggufeval.catalog.files import check_gguf, split_name
from ggufeval.errors import ModelError


@dataclass(frozen=True, slots=True)
class Stored:
    """A model at one level, in one of the two caches."""

    model: str
    """A name of the catalogue, `OWNER/REPO`, or that of the file which it was made from."""
    quantization: str
    """As the name tells; '' where it does not."""
    paths: tuple[Path, ...]
    size_bytes: int
    sha256: tuple[str, ...] = ()
    """What the paths must hash to; empty for what was made here."""

    @property
    def is_made(self) -> bool:
        """By llama.cpp's quantizer on this machine."""
        return not self.sha256


def stored() -> tuple[Stored, ...]:
    """All there is, by model; the larger levels first."""
    found = [*_ours(), *_hubs()]
    return tuple(sorted(found, key=lambda item: (item.model, -item.size_bytes)))


def remove(item: Stored) -> int:
    """Delete its files, and what only they needed. The bytes that are free now: what other commits
    or other programs use in the hub's cache stays there.

    Raises OSError where that is not allowed.
    """
    freed = 0
    for path in item.paths:
        blob, size = hubcache.blob(path), path.stat().st_size
        path.unlink()
        if blob == path or not hubcache.is_used(blob):
            freed += 0 if blob.is_symlink() else size
            blob.unlink(missing_ok=True)
    return freed


def _ours() -> list[Stored]:
    """In our own cache: what came in wheels, and every level that was made."""
    wheels = {
        (entry.name, entry.source.file): entry.source.sha256
        for entry in entries()
        if not isinstance(entry.source, HubSource)
    }
    homes = {name.replace("/", "--"): name for name in hubcache.repositories(hub.cache())}
    found = []
    for path in sorted(models_folder().glob("*/[!.]*.gguf")):
        folder = path.parent.name
        model = homes.get(folder.rpartition("-")[0], folder)
        if folder == DEQUANTIZED_FOLDER:  # of all models: there each file is one
            model = split_name(path)[0]
        sha256 = wheels.get((folder, path.name))
        found.append(
            Stored(
                catalogue_name(model),
                split_name(path)[1],
                (path,),
                path.stat().st_size,
                (sha256,) if sha256 else (),
            )
        )
    return found


def _hubs() -> list[Stored]:
    """In the cache of the hub's client, whoever fetched it."""
    cache = hub.cache()
    found = []
    for repository in hubcache.repositories(cache):
        for listing in hubcache.listings(cache, repository):
            found += [
                Stored(
                    catalogue_name(repository),
                    model.quantization,
                    tuple(hubcache.path(cache, listing, file.name) for file in model.files),
                    model.size_bytes,
                    tuple(file.sha256 for file in model.files),
                )
                for model in listing.models
            ]
    return found


def catalogue_name(model: str) -> str:
    """The name of the catalogue that has a repository; any other name is itself."""
    for entry in entries():
        if isinstance(entry.source, HubSource) and model in entry.source.repositories:
            return entry.name
    return model


def broken() -> tuple[tuple[Path, str], ...]:
    """Files in the caches that cannot be models, and why: by their first bytes, or a link to
    nothing. What their hashes say is `verify`'s to find out."""
    found = []
    for item in stored():
        for path in item.paths:
            try:
                check_gguf(path)
            except ModelError as error:
                found.append((path, str(error)))
    for repository in hubcache.repositories(hub.cache()):
        found += [
            (path, f"{path}: a link to a file that is gone. Remove it.")
            for path in hubcache.dangling(hub.cache(), repository)
        ]
    return tuple(found)


def unfinished() -> tuple[Path, ...]:
    """Downloads that stopped on the way; the command that began them goes on with them."""
    cache = hub.cache()
    return tuple(
        half
        for repository in hubcache.repositories(cache)
        for half in sorted((hubcache.folder(cache, repository) / "blobs").glob("*.incomplete"))
    )
