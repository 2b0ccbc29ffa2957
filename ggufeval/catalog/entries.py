"""The models that have a name: one TOML each in `models/`."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ggufeval.errors import ModelError, UsageError


@dataclass(frozen=True, slots=True)
class Package:
    """A wheel that carries a piece of a model."""

    requirement: str
    """`NAME==VERSION`."""
    files: tuple[str, ...]
    """Paths inside the wheel, in the order in which they are concatenated."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the catalogue: one GGUF file, and where its bytes come from."""

    name: str
    title: str
    architecture: str
    parameters: int
    licence: str
    """SPDX."""
    description: str
    quantization: str
    """Of the file."""
    file: str
    """The name that the file gets."""
    size_bytes: int
    sha256: str
    levels: tuple[str, ...]
    """Quantizations of a sweep that names none."""
    packages: tuple[Package, ...]


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


def nearest(name: str, known: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5))


def _read(path: Path) -> Entry:
    try:
        return _entry(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not an entry of the catalogue: {error!r}.") from error


def _entry(name: str, table: Mapping[str, Any]) -> Entry:
    source = table["source"]
    if source["kind"] != "pypi":
        raise ValueError(f"source.kind is {source['kind']!r}; only 'pypi' is known")
    if Path(table["file"]).name != table["file"]:
        raise ValueError(f"file is {table['file']!r}; a plain name was expected")
    return Entry(
        name=name,
        title=table["title"],
        architecture=table["architecture"],
        parameters=table["parameters"],
        licence=table["licence"],
        description=table["description"],
        quantization=table["quantization"],
        file=table["file"],
        size_bytes=table["size"],
        sha256=table["sha256"],
        levels=tuple(table["levels"]),
        packages=tuple(
            Package(package["requirement"], tuple(package["files"]))
            for package in source["packages"]
        ),
    )
