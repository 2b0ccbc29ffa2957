"""Streams that cannot show every character, and terminals that break lines inside words."""

from __future__ import annotations

import codecs
import io
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TextIO

_WIDEST = 100
_ASCII = "ggufeval_ascii"
_READABLE = dict(
    zip(
        "\u2020\u2500\u2010\u2011\u2013\u2014\u2212\u2018\u2019\u201c\u201d",
        "+------''\"\"",
        strict=True,
    )
)
"""Dagger, line, hyphens, dashes, minus and quotation marks."""


def soften(stream: object) -> None:
    """What the stream cannot encode is written so that it can be read, and never fails."""
    if isinstance(stream, io.TextIOWrapper):
        is_ascii = codecs.lookup(stream.encoding).name == "ascii"
        stream.reconfigure(encoding=_ASCII if is_ascii else None, errors=_ASCII)


def fit(text: str, stream: TextIO) -> str:
    """On a terminal, prose broken between words. Elsewhere as it is: a log has whole lines.

    Indented lines stay: they are commands, to be copied.
    """
    if not stream.isatty():
        return text
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    prose = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    lines = text.split("\n")
    return "\n".join(line if line.startswith(" ") else prose.fill(line) for line in lines)


def path(name: Path) -> str:
    """A file's name to be told on stdout: as it is where a program reads it, else visible."""
    from ggufeval.report.numerals import visible

    return visible(str(name)) if sys.stdout.isatty() else str(name)


def _readable(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    char = error.object[error.start]
    if "\udc80" <= char <= "\udcff":  # a byte of a file's name that Python could not decode
        return bytes([ord(char) - 0xDC00]), error.start + 1
    found = _READABLE.get(char) or char.encode("unicode_escape").decode("ascii")
    return found, error.start + 1


def _find_codec(name: str) -> codecs.CodecInfo | None:
    """ASCII by another name: click takes the one it knows for a mistake, and writes UTF-8."""
    if name != _ASCII:
        return None
    ascii_ = codecs.lookup("ascii")
    return codecs.CodecInfo(
        ascii_.encode,
        ascii_.decode,
        incrementalencoder=ascii_.incrementalencoder,
        incrementaldecoder=ascii_.incrementaldecoder,
        name=_ASCII,
    )


codecs.register(_find_codec)
codecs.register_error(_ASCII, _readable)
