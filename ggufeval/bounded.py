"""How much somebody else's file may be, and may take while it is read."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEXT_BYTES = 1 << 24
"""Of a template or a grammar: a thousand times as much as any has."""


def text(path: Path, most: int = TEXT_BYTES) -> str:
    """A file's text, UTF-8. Raises OSError and UnicodeDecodeError as `read_text`, and OSError for
    a pipe or a device, which may never end, and for more than `most` bytes."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most >> 20} MiB")
    return content.decode()


@contextmanager
def memory(n_bytes: int) -> Iterator[None]:
    """Inside, this process gets at most `n_bytes` more than it has: then there is a MemoryError.

    It is the kernel's limit, which the libraries below Python meet too, and only Linux has one
    that holds. Elsewhere nothing happens here.
    """
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    n_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = n_pages * resource.getpagesize() + n_bytes
    if soft != resource.RLIM_INFINITY:
        most = min(most, soft)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
