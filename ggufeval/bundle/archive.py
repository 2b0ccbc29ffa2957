"""The zip file: written so that equal contents are equal bytes, read as a stranger's.

Nothing is ever extracted: members are read in memory, one at a time, up to limits.
"""

from __future__ import annotations

import hashlib
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from ggufeval.bundle import fields
from ggufeval.bundle.contents import FORMAT, MANIFEST, VERSION, Manifest
from ggufeval.errors import DataError

MOST_MEMBERS = 10_000
MOST_OF_A_MEMBER = 256 * 2**20
"""Bytes, unpacked. The records of one run over all of MMLU have some six million."""
MOST_OF_ALL = 2 * 2**30
MOST_RATIO = 200
"""Of a member to what it takes in the file, beyond the first megabyte. JSON has 3 to 20."""
MOST_VALUES = 5_000_000
"""Of a member's JSON, counted by its commas: a value takes many times its bytes in memory. All of
MMLU in every rotation has 1.2 million."""
_JSON = (".json", ".jsonl")
_FREE = 2**20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*){0,3}")
_PIECE = 2**20
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can say: when a bundle was written is nobody's result."""
_ENCRYPTED = 0x1
_END = 22
"""Bytes of the record at a zip's end, without a comment: APPNOTE.TXT, 4.3.16."""
_LOCATOR = 20
"""Bytes of what stands before that in zip64: 4.3.15."""
_MOST_OF_AN_ENTRY = 256
"""Bytes of a member's entry in the zip's directory: 46 and its name."""
_AGAIN = "Get the file again."


def packed(members: Mapping[str, bytes]) -> bytes:
    """A zip file of these, sorted, undated."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # else Windows' zips would differ from others'
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[name], compresslevel=9)
    return target.getvalue()


class Archive:
    """A bundle that is open for reading. Use as a context manager.

    Opening raises DataError for what is no bundle, holds what it must not, or is of a newer format;
    reading a member, where it is not what the manifest says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip = _opened(path)
        try:
            self._infos = _checked(path, self._zip)
            self._left = MOST_OF_ALL
            self.manifest = self._manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def read(self, name: str) -> bytes:
        """A member whose hash is the manifest's."""
        promised = self.manifest.members.get(name)
        if promised is None:
            raise DataError(f"{self.path}: the manifest names no {name!r}. {fields.ADVICE}")
        content = self._unpacked(name)
        if hashlib.sha256(content).hexdigest() != promised.sha256:
            raise DataError(
                f"{self.path}, {name}: its sha256 is not the one in the manifest. {fields.ADVICE}"
            )
        if len(content) != promised.size_bytes:
            raise DataError(
                f"{self.path}, {name}: expected {promised.size_bytes:,} bytes, found "
                f"{len(content):,}. {fields.ADVICE}"
            )
        return content

    def _manifest(self) -> Manifest:
        place = f"{self.path}, {MANIFEST}"
        if MANIFEST not in self._infos:
            raise DataError(
                f"{self.path}: expected a bundle of ggufeval, which has a {MANIFEST}; this zip "
                "file has none. Name another file."
            )
        tree = fields.parse(self._unpacked(MANIFEST), place)
        found = tree if isinstance(tree, dict) else {}
        if found.get("format") != FORMAT:
            raise DataError(
                f"{place}: expected the manifest of a {FORMAT}, found another. Name another file."
            )
        version = fields.decode(int, found.get("version"), f"{place}, version")
        if version > VERSION:
            raise DataError(
                f"{self.path}: written by a newer ggufeval (format {version}; this one knows "
                f"{VERSION}). Upgrade ggufeval."
            )
        if version < 1:
            raise DataError(f"{place}: expected a version from 1, found {version}. {fields.ADVICE}")
        manifest: Manifest = fields.decode(Manifest, tree, place)
        inside, named = self._infos.keys() - {MANIFEST}, manifest.members.keys()
        if odd := inside ^ named:
            where = "there but not in the manifest" if min(odd) in inside else "missing"
            raise DataError(f"{self.path}: {min(odd)[:80]!r} is {where}. {fields.ADVICE}")
        return manifest

    def _unpacked(self, name: str) -> bytes:
        info = self._infos[name]
        most = min(MOST_OF_A_MEMBER, self._left, _FREE + MOST_RATIO * info.compress_size)
        pieces, size = [], 0
        try:
            with self._zip.open(info) as stream:
                # What the zip says of sizes is only said: a bomb is found by reading.
                while piece := stream.read(min(_PIECE, most + 1 - size)):
                    pieces.append(piece)
                    size += len(piece)
                    if size > most:
                        raise DataError(
                            f"{self.path}, {name}: unpacks to more than {most:,} bytes, beyond all "
                            "measure for a bundle. Name another file."
                        )
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
            raise DataError(
                f"{self.path}, {name}: cannot be unpacked ({error}). {_AGAIN}"
            ) from None
        except (NotImplementedError, ValueError, struct.error) as error:
            raise DataError(
                f"{self.path}, {name}: cannot be unpacked ({error}). {_AGAIN}"
            ) from None
        self._left -= size
        content = b"".join(pieces)
        if name.endswith(_JSON) and content.count(b",") > MOST_VALUES:
            raise DataError(
                f"{self.path}, {name}: has more than {MOST_VALUES:,} values, beyond all measure "
                "for a bundle. Name another file."
            )
        return content


def _opened(path: Path) -> zipfile.ZipFile:
    expected = f"{path}: expected a bundle of ggufeval, which is a zip file"
    try:
        size = path.stat().st_size
        if path.is_file() and size <= MOST_OF_ALL:
            _check_end(path)
            return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{expected}; this is something else, or a part of one ({error}). {_AGAIN}"
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    if path.is_file():
        raise DataError(f"{expected} of at most {MOST_OF_ALL:,} bytes; this one has {size:,}.")
    raise DataError(f"{expected}; this is no regular file. Name another.")


def _check_end(path: Path) -> None:
    """Python reads the whole directory at once, as long as the zip's end says that it is: millions
    of entries, gigabytes. Raises BadZipFile for a longer one than a bundle's, and for what `packed`
    does not write there: a comment, zip64."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, io.SEEK_END) - _LOCATOR - _END))
        tail = file.read()
    end = tail[-_END:]
    if len(end) < _END or not end.startswith(b"PK\x05\x06") or end[-2:] != bytes(2):
        raise zipfile.BadZipFile("a zip's end is not there")
    (size,) = struct.unpack_from("<L", end, 12)
    if tail.startswith(b"PK\x06\x07") or size > MOST_MEMBERS * _MOST_OF_AN_ENTRY:
        raise zipfile.BadZipFile("it has more files inside than any bundle")


def _checked(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Its members by name. Nothing is extracted here; but people unpack what they are sent."""
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise DataError(
            f"{path}: expected at most {MOST_MEMBERS:,} files inside, found {len(infos):,}. "
            "Name another file."
        )
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        if why := _refused(info):
            raise DataError(f"{path}: {info.orig_filename[:80]!r} inside {why}. {fields.ADVICE}")
        if info.filename in found:
            raise DataError(f"{path}: {info.filename!r} is inside twice. {fields.ADVICE}")
        found[info.filename] = info
    if sum(info.compress_size for info in infos) > path.stat().st_size:  # else no ratio is one
        raise DataError(f"{path}: what is inside takes more than the file has. {fields.ADVICE}")
    folded = {name.casefold() for name in found}
    if len(folded) < len(found):  # one file on most people's disks
        raise DataError(f"{path}: two names inside differ in capitals alone. {fields.ADVICE}")
    return found


def _refused(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if not _NAME.fullmatch(info.orig_filename) or info.filename != info.orig_filename:
        return "is no plain name of a file in a bundle"
    if kind not in {0, stat.S_IFREG}:
        return "is a link or another thing that is no file"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return "is compressed in a way that bundles are not"
    return ""
