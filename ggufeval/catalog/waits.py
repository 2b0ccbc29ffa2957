"""When the hub asks its client to wait, people are told."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def told(say: Callable[[str], None]) -> Iterator[None]:
    """The hub may ask to wait for minutes, which the client does, and tells its log alone."""

    class Waits(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if wait := re.search(r"Waiting (\d+)", record.getMessage()):
                say(f"The hub has had too many requests from here: waiting {wait[1]} seconds ...")

    log, handler = logging.getLogger("huggingface_hub.utils._http"), Waits()
    before = log.level, log.propagate
    log.setLevel(logging.WARNING)
    log.propagate = False
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]
