"""What is known of a model before llama.cpp opens it, and under which conditions it is sought."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[int, int], None]
"""Called with the bytes fetched so far, and with all of them."""
Say = Callable[[str], None]


def _silent(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Source:
    """A model that is on the disk, or would be once `lacking` is fetched."""

    path: Path
    """What llama.cpp opens: the file, or the first part of a split model."""
    parts: tuple[Path, ...]
    """All its files, in order; mostly one."""
    size_bytes: int
    name: str
    """The model without its level: `Llama-3.2-1B-Instruct`."""
    quantization_hint: str
    """As the file's name tells, `Q4_K_M`, or ''. Only the file itself knows."""
    family: str = ""
    """Sources of one family are one model at several levels."""
    sha256: tuple[str, ...] = ()
    """What the parts must hash to; empty where nobody says."""
    home: str = ""
    """The folder of `models_folder()` for levels made from it; '' for a user's own file."""
    lacking: int | None = None
    """Bytes that are still to be fetched; None: it is on the disk, as always where the request
    lets fetch."""

    @property
    def label(self) -> str:
        return f"{self.name} {self.quantization_hint}".strip()


@dataclass(frozen=True, slots=True)
class Selection:
    """One model at the levels that were asked for."""

    sources: tuple[Source, ...]
    quantizations: tuple[str, ...]
    """What is not among the sources is to be made from them. Empty: the sources as they are."""


@dataclass(frozen=True, slots=True)
class Request:
    """Under which conditions models are looked up."""

    quantizations: tuple[str, ...] | None = ()
    """Levels for models that bring none in their name. None: those that suit the model."""
    makeable: Collection[str] = ()
    """Quantizations that llama.cpp can make."""
    offline: bool = False
    fetch: bool = True
    """False: what is not on the disk stays away, and its source says how much it lacks."""
    commit: str = ""
    """Of a repository on the hub; '' where `main` is."""
    progress: Progress = _silent
    say: Say = _silent
