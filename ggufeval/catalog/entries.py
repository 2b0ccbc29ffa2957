"""The models that have a name: one TOML each in `models/`."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ggufeval.errors import ModelError, UsageError
from ggufeval.types import PublishedScore


@dataclass(frozen=True, slots=True)
class Package:
    """A wheel that carries a piece of a model."""

    requirement: str
    """`NAME==VERSION`."""
    files: tuple[str, ...]
    """Paths inside the wheel, in the order in which they are concatenated."""


@dataclass(frozen=True, slots=True)
class WheelSource:
    """One GGUF file whose bytes travel in wheels."""

    file: str
    """The name that the file gets."""
    quantization: str
    """Of the file."""
    size_bytes: int
    sha256: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class HubSource:
    """Repositories of GGUF files on the Hugging Face hub, the first that answers is taken."""

    repositories: tuple[str, ...]
    """`OWNER/REPO`."""


ModelSource: TypeAlias = WheelSource | HubSource


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the catalogue, and where its bytes come from."""

    name: str
    title: str
    architecture: str
    parameters: int
    licence: str
    """SPDX, or the licence's own name."""
    description: str
    levels: tuple[str, ...]
    """Quantizations of a sweep that names none."""
    source: ModelSource
    published: tuple[PublishedScore, ...]
    """What a run should come to."""


def catalog_folder() -> Path:
    """Where the TOMLs are: inside the installed package, or at the top of a source checkout.

    Raises ModelError where there is neither.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "models", here.parents[1] / "models"):
        if folder.is_dir():
            return folder
    raise ModelError(
        f"The catalogue of models was expected in {here / 'models'}, and is not there. "
        "Install ggufeval again."
    )


def entries() -> tuple[Entry, ...]:
    """All models of the catalogue, by name.

    Raises ModelError where a TOML is not what it should be.
    """
    return tuple(_read(path) for path in sorted(catalog_folder().glob("*.toml")))


def entry(name: str) -> Entry:
    """The model of that name. Raises UsageError, with the nearest names, where there is none."""
    known = {found.name: found for found in entries()}
    if name in known:
        return known[name]
    near = nearest(name, known) or tuple(known)
    raise UsageError(f"No model is called {name!r} in the catalogue. Known: {', '.join(near)}.")


def nearest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """At most three of the known names that resemble it, the most alike first."""
    folded = {other.casefold(): other for other in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    return tuple(folded[match] for match in close)


def advice(model: str, known: Collection[str]) -> str:
    """What to do where `model` is neither a path nor a name."""
    looks_like_name = not model.endswith(".gguf") and "/" not in model and "\\" not in model
    if not looks_like_name:
        return ". Give the path of a GGUF, or of a folder of them."
    near = nearest(model.partition(":")[0], known)
    if near:
        return f", and no model of the catalogue. Did you mean {', '.join(near)}?"
    return f", and no model of the catalogue. The catalogue has {', '.join(known)}."


def _read(path: Path) -> Entry:
    try:
        return _entry(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not an entry of the catalogue: {error!r}.") from error


def _entry(name: str, table: Mapping[str, Any]) -> Entry:
    return Entry(
        name=name,
        title=table["title"],
        architecture=table["architecture"],
        parameters=table["parameters"],
        licence=table["licence"],
        description=table["description"],
        levels=tuple(table["levels"]),
        source=_source(table["source"]),
        published=tuple(_published(one) for one in table.get("published", ())),
    )


def _published(table: Mapping[str, Any]) -> PublishedScore:
    if table["average"] not in ("macro", "micro"):
        raise ValueError(f"average is {table['average']!r}; 'macro' or 'micro' was expected")
    return PublishedScore(
        quantization=table["quantization"],
        task=table["task"],
        prompt=table["prompt"],
        shots=table["shots"],
        average=table["average"],
        accuracy=table["percent"] / 100,
        allowance=table["allowance"] / 100,
        source=table["source"],
    )


def _source(table: Mapping[str, Any]) -> ModelSource:
    if table["kind"] == "hub":
        if not table["repositories"]:
            raise ValueError("source.repositories is empty")
        return HubSource(tuple(table["repositories"]))
    if table["kind"] != "pypi":
        raise ValueError(f"source.kind is {table['kind']!r}; 'hub' or 'pypi' was expected")
    if Path(table["file"]).name != table["file"]:
        raise ValueError(f"source.file is {table['file']!r}; a plain name was expected")
    return WheelSource(
        file=table["file"],
        quantization=table["quantization"],
        size_bytes=table["size"],
        sha256=table["sha256"],
        packages=tuple(
            Package(package["requirement"], tuple(package["files"]))
            for package in table["packages"]
        ),
    )
