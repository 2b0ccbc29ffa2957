"""A bundle's model files on this machine: found by their hash, made again, or fetched."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from os.path import commonprefix
from pathlib import Path

from ggufeval import dequantized, making, runner
from ggufeval.bundle import origins
from ggufeval.bundle.contents import BundledRun
from ggufeval.catalog import disk, marks
from ggufeval.catalog.cache import models_folder
from ggufeval.catalog.entries import entries
from ggufeval.catalog.files import file_sha256, first_part, parts
from ggufeval.catalog.resolve import Request, resolve
from ggufeval.catalog.source import Progress
from ggufeval.errors import ModelError, UsageError
from ggufeval.types import ModelInfo, Recipe

Say = Callable[[str], None]
_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_HUB_FILE = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*)*\.gguf", re.IGNORECASE)
_COMMIT = re.compile("[0-9a-f]{40}")
_LEVEL = re.compile(r"\w+")


@dataclass(slots=True)
class Models:
    """Where to look. Files are hashed once, and only those of a size that may be right."""

    folder: Path | None
    """With everything inside; `--models`."""
    known: Sequence[BundledRun]
    """All runs of the bundle: what one was made of may be another's file."""
    offline: bool
    say: Say
    progress: Progress = lambda *_: None
    _hashes: dict[Path, str] = field(default_factory=dict)

    def find(self, wanted: BundledRun) -> runner.ModelFiles:
        """The files with the hash of the run's model.

        Raises ModelError, which says where they are to be had, where they cannot be found.
        """
        model = wanted.run.model
        if found := self._here(model):
            return found
        try:
            found = self._again(wanted)
        except (ModelError, UsageError) as error:
            raise ModelError(
                f"{error} Or name the folder that has {_file(wanted)}: --models."
            ) from error
        if found is None:
            raise ModelError(
                f"{_lost(wanted, self.folder)} {_advice(wanted, offline=self.offline)}"
            )
        if found.sha256 != model.sha256:
            raise ModelError(
                f"{model.label}: what can be had here has another sha256 "
                f"({found.sha256[:12]}) than the bundle's ({model.sha256[:12]}): quantized by "
                "another llama.cpp, or published anew. Put the bundle's own file into a folder, "
                "and name it with --models."
            )
        return found

    def _here(self, model: ModelInfo) -> runner.ModelFiles | None:
        for files in self._candidates():
            try:
                if sum(file.stat().st_size for file in files) == model.size_bytes:
                    sha256 = self._hashes.get(files[0]) or file_sha256(files[0])
                    self._hashes[files[0]] = sha256
                    if sha256 == model.sha256:
                        return runner.ModelFiles(files, sha256)
            except (ModelError, OSError):  # it was deleted meanwhile, or may not be read
                continue
        return None

    def _candidates(self) -> Iterator[tuple[Path, ...]]:
        """Whole models: in the folder, in our cache, in the hub's."""
        inside = sorted(self.folder.rglob("*.gguf")) if self.folder else []
        yield from _whole(inside)
        yield from _whole(sorted(models_folder().glob("*/[!.]*.gguf")))
        for stored in disk.stored():
            yield stored.paths

    def _again(self, wanted: BundledRun) -> runner.ModelFiles | None:
        model, origin = wanted.run.model, wanted.origin
        if model.dequantized_from:
            return self._written_out(model)
        if origin.kind == origins.MADE:
            return self._made(wanted)
        if origin.kind == origins.CATALOGUE and _is_in_catalogue(origin.name):
            return making.files_of(self._resolved(origin.name)[0], None, self.say)
        if (
            origin.kind == origins.HUB
            and not self.offline
            and origin.files
            and _HUB_NAME.fullmatch(origin.name)
            and _HUB_FILE.fullmatch(origin.files[0])
            and (not origin.revision or _COMMIT.fullmatch(origin.revision))
        ):
            found = self._resolved(f"{origin.name}/{origin.files[0]}", origin.revision)
            return making.files_of(found[0], None, self.say)
        return None

    def _made(self, wanted: BundledRun) -> runner.ModelFiles | None:
        """A level that was quantized there is quantized here, from the same source: another run's
        file, or one of the catalogue or the hub; and with the same importance matrix."""
        model, origin = wanted.run.model, wanted.origin
        mark = marks.read(_name(wanted))
        base = self._base(wanted)
        if not (base or _is_in_catalogue(origin.name) or _HUB_NAME.fullmatch(origin.name)):
            return None
        if not model.quantized_from and mark == marks.Mark():  # nobody wrote down of which level
            name = f"{origin.name}:{model.quantization}"
            found = self._resolved(name, self._commit(origin.name))
            return making.files_of(found[0], None, self.say)
        if bool(mark.imatrix) != bool(model.imatrix) or not _LEVEL.fullmatch(model.quantized_from):
            return None
        recipe = Recipe(
            imatrix=self._matrix(model, mark.imatrix) if mark.imatrix else None,
            imatrix_name=model.imatrix,
            output_type=mark.output_type,
            embedding_type=mark.embedding_type,
        )
        if base:
            found = making.levels([resolve(str(self.find(base).parts[0]))])
        else:
            name = f"{origin.name}:{model.quantized_from}"
            found = self._resolved(name, self._commit(origin.name))
        level = making.made_anew(found, [model.quantization])[0]
        return making.files_of(level, None, self.say, recipe)

    def _base(self, wanted: BundledRun) -> BundledRun | None:
        """The run of the file that a level was made from, as far as one can tell; of several, the
        one that is called most alike."""
        found = [other for other in self.known if _may_be_base(other, wanted)]
        return max(
            found,
            key=lambda other: len(commonprefix([_name(other), _name(wanted)])),  # noqa: RUF071 - no paths
            default=None,
        )

    def _matrix(self, model: ModelInfo, start: str) -> Path:
        """The file in the folder whose sha256 begins so: that is all that is known of it, and the
        level has its own hash. Raises ModelError where there is none."""
        inside = sorted(self.folder.rglob("*")) if self.folder else []
        self.say(f"Looking for the importance matrix of {model.label} ({model.imatrix}) ...")
        for path in sorted(inside, key=lambda path: path.name != model.imatrix):
            try:
                # A matrix has a number for each column of a weight, far less than the level.
                if path.is_file() and path.stat().st_size < model.size_bytes // 4:
                    self._hashes[path] = self._hashes.get(path) or file_sha256(path)
                    if self._hashes[path].startswith(start):
                        return path
            except (ModelError, OSError):
                continue
        where = f"looked for in {self.folder}, and is not there" if self.folder else "not at hand"
        raise ModelError(
            f"{model.label} is made again with its importance matrix, {model.imatrix} (sha256 "
            f"{start}...), which was {where}: name the folder that has it with --models."
        )

    def _commit(self, name: str) -> str:
        """At which the study had files of that repository; empty where it had none."""
        return next(
            (
                run.origin.revision
                for run in self.known
                if run.origin.name == name and _COMMIT.fullmatch(run.origin.revision)
            ),
            "",
        )

    def _written_out(self, model: ModelInfo) -> runner.ModelFiles | None:
        base = next((r for r in self.known if r.run.model.sha256 == model.dequantized_from), None)
        if base is None or base.run.model.dequantized_from:
            return None
        return dequantized.make(
            self.find(base), model.quantization, runner.physical_cores(), self.say
        )

    def _resolved(self, name: str, commit: str = "") -> tuple[making.Level, ...]:
        """A name of the catalogue or of the hub: never a path, which a bundle must not name."""
        if Path(name).exists():
            raise ModelError(
                f"{name}: a model of the catalogue or the hub is meant, and here a file or folder "
                "is called so. Repeat the command in another folder."
            )
        request = Request(
            makeable=making.quantizations(),
            offline=self.offline,
            commit=commit,
            progress=self.progress,
            say=self.say,
        )
        return making.levels([resolve(name, request)])


def _name(wanted: BundledRun) -> str:
    return wanted.origin.files[0] if wanted.origin.files else ""


def _may_be_base(other: BundledRun, wanted: BundledRun) -> bool:
    theirs, model, source = other.run.model, wanted.run.model, wanted.origin.name
    return (
        (theirs.architecture, theirs.n_params) == (model.architecture, model.n_params)
        and theirs.quantization == model.quantized_from
        and source in {"", other.origin.name}
        and other.origin.kind != origins.MADE  # those are made from others, and so on
        and not theirs.dequantized_from
    )


def _is_in_catalogue(name: str) -> bool:
    return name in {entry.name for entry in entries()}


def _whole(paths: Iterable[Path]) -> Iterator[tuple[Path, ...]]:
    for first in dict.fromkeys(map(first_part, paths)):
        try:
            yield parts(first)
        except ModelError:  # parts are missing
            continue


def _lost(wanted: BundledRun, folder: Path | None) -> str:
    where = f"{folder} and the caches" if folder else "the caches"
    return f"{wanted.run.model.label}: {_file(wanted)} was looked for in {where}, and is not there."


def _file(wanted: BundledRun) -> str:
    model, names = wanted.run.model, ", ".join(wanted.origin.files) or "its file"
    return f"{names} (sha256 {model.sha256[:12]}..., {model.size_bytes:,} bytes)"


def _advice(wanted: BundledRun, *, offline: bool) -> str:
    origin, model = wanted.origin, wanted.run.model
    if origin.kind == origins.HUB:
        at = f" at {origin.revision[:12]}" if origin.revision else ""
        again = "Run without --offline, or fetch it" if offline else "Fetch it"
        return (
            f"It came from {origin.name}{at} on the hub. {again}, and name its folder (--models)."
        )
    made = f", made by ggufeval{f' from {origin.name}' if origin.name else ''}"
    if model.imatrix:
        made += f" with the importance matrix {model.imatrix}"
    what = made if origin.kind == origins.MADE else ""
    return f"It was somebody's own file{what}: get it from them, and name its folder (--models)."
