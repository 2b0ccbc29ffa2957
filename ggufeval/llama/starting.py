"""A model's process is started, and Ctrl-C waits until that is done."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess


def start(process: BaseProcess) -> None:
    """Start it. Ctrl-C, which goes to the child as well, would end that in a traceback for as long
    as it is not ready to ignore it, and leave it half told what to do."""
    if sys.platform == "win32":
        process.start()
        return
    resource_tracker.ensure_running()  # which would let the signal through again
    with _later():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # children inherit that
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def _later() -> Iterator[None]:
    """Ctrl-C is heard at the end of the block. To block it is not enough for that: the system may
    give it to another thread, and Python handles it in the main one. Where no function of Python's
    hears it (it is ignored, say, in a script's background), there is nothing to put off."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)
