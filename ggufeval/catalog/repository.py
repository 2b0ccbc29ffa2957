"""A repository of GGUF files on the hub: what one calls it, what it lists, which file is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from ggufeval.catalog.entries import nearest
from ggufeval.catalog.files import first_part, is_model, split_name, split_parts
from ggufeval.errors import ModelError

FULL_PRECISION = ("F16", "BF16", "F32")
"""What levels are made from, the best choice first: LLaMA's own weights are BF16."""

_SITE = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/|hf://(?:models/)?")
_PLACE = re.compile(r"(?:blob|resolve|tree)/[^/]+(?:/|$)")
_NAME = re.compile(
    r"(?P<repository>\w[\w.-]*/\w[\w.-]*)(?:/(?P<file>[^:?]+?))?/?(?::(?P<quantization>[\w.-]+))?"
)


@dataclass(frozen=True, slots=True)
class HubName:
    """What a user asks of the hub."""

    repository: str
    """`OWNER/REPO`."""
    file: str = ""
    """A path inside it, or ''."""
    quantization: str = ""


@dataclass(frozen=True, slots=True)
class HubFile:
    name: str
    """Its path inside the repository."""
    size_bytes: int
    sha256: str
    """'' where the hub does not tell."""


@dataclass(frozen=True, slots=True)
class HubModel:
    """One model of a repository: a file, or all parts of a split one, in order."""

    files: tuple[HubFile, ...]
    name: str
    quantization: str

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Listing:
    """The models of a repository at one commit."""

    repository: str
    commit: str
    models: tuple[HubModel, ...]
    absence: str = ""
    """Why the hub was not asked; '' where it was."""
    is_main: bool = True
    """False where one commit was asked for, wherever `main` is."""

    @property
    def place(self) -> str:
        return f"The hub's cache of {self.repository}" if self.absence else self.repository

    @property
    def quantizations(self) -> tuple[str, ...]:
        """As the names tell, the largest first."""
        by_size = sorted(self.models, key=lambda model: -model.size_bytes)
        return tuple(dict.fromkeys(model.quantization for model in by_size if model.quantization))

    @property
    def files(self) -> tuple[str, ...]:
        """The first of each model."""
        return tuple(model.files[0].name for model in self.models)

    @property
    def offers(self) -> str:
        """What there is to choose from, for messages."""
        return ", ".join(self.quantizations or self.files[:5])

    def has(self, name: str) -> bool:
        """Whether a level, or a file, is there."""
        return any(
            name.upper() == model.quantization or any(name == file.name for file in model.files)
            for model in self.models
        )

    def of(self, quantization: str) -> HubModel | None:
        """The one model of that quantization. Raises ModelError where there are several."""
        found = [m for m in self.models if m.quantization == quantization.upper()]
        if len(found) > 1:
            names = ", ".join(model.files[0].name for model in found[:4])
            raise ModelError(
                f"{self.repository} has {len(found)} models of {quantization}: {names}. "
                f"Name the file: {self.repository}/{found[0].files[0].name}"
            )
        return found[0] if found else None

    def full_precision(self) -> HubModel | None:
        """What further levels are made from."""
        return next((model for name in FULL_PRECISION if (model := self.of(name))), None)

    def file(self, name: str) -> HubModel:
        """The model that a file (or any part of it) belongs to.

        Raises ModelError, with the nearest names, where there is none.
        """
        for model in self.models:
            if any(name == file.name for file in model.files):
                return model
        near = ", ".join(nearest(name, self.files) or self.files[:5])
        where = f" ({self.absence})" if self.absence else ""
        raise ModelError(f"{self.repository} has no file {name!r}{where}. It has {near}.")


def parse(model: str) -> HubName | None:
    """What `OWNER/REPO`, `OWNER/REPO:QUANT`, `OWNER/REPO/file.gguf` or their address in a browser
    means; None for what can only be a path, as `folder/file.gguf`.
    """
    site = _SITE.match(model)
    text = re.sub(r"[?#].*", "", model[site.end() :]) if site else model
    match = _NAME.fullmatch(text)
    if not match:
        return None
    file = match["file"] or ""
    if site:
        file = _PLACE.sub("", file, count=1)
    is_gguf = file.casefold().endswith(".gguf")
    if (file and not is_gguf) or (file and match["quantization"]):
        return None
    if not (site or file or match["quantization"]) and text.casefold().endswith(".gguf"):
        return None
    return HubName(match["repository"], file, (match["quantization"] or "").upper())


def models(repository: str, files: Iterable[HubFile]) -> tuple[HubModel, ...]:
    """The models among its files; a split one of which a part is missing is none."""
    by_name = {file.name: file for file in files if is_model(file.name)}
    found = []
    for name in sorted(by_name):
        path = PurePosixPath(name)
        if str(first_part(path)) != name:
            continue
        parts = [by_name.get(str(part)) for part in split_parts(path)]
        whole = [part for part in parts if part is not None]
        if len(whole) == len(parts):
            base, quantization = split_name(path)
            # `BF16/model-00001-of-00002.gguf`: the folder tells.
            quantization = quantization or split_name(path.parent)[1]
            base = base or path.parent.name or repository.split("/")[1]
            found.append(HubModel(tuple(whole), base, quantization))
    return tuple(found)
