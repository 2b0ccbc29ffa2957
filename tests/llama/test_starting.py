"""Ctrl-C while a model's process starts."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from ggufeval.llama.starting import start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT")


class Started:
    """Ctrl-C comes while it starts, which another thread hears, where there is one."""

    def __init__(self, number: int | None = signal.SIGINT) -> None:
        self.number = number
        self.is_ready = False
        self.blocked: set[int] = set()

    def start(self) -> None:
        if self.number is not None:
            os.kill(os.getpid(), self.number)
            time.sleep(0.05)  # another thread, if the system gives it to one, has its turn
        self.blocked = set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        self.is_ready = True


@pytest.fixture(autouse=True)
def terminal():
    """Where tests run in the background, SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("n_threads", [0, 1])
def test_it_is_heard_when_all_is_told(n_threads):
    done = threading.Event()
    for _ in range(n_threads):
        threading.Thread(target=done.wait).start()
    process = Started()
    try:
        with pytest.raises(KeyboardInterrupt):
            start(process)
    finally:
        done.set()
    assert process.is_ready
    assert signal.SIGINT in process.blocked
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_it_nothing_is_raised():
    process = Started(None)
    start(process)
    assert process.is_ready
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_ignores_it_goes_on_ignoring_it():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = Started()
    start(process)
    assert process.is_ready
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_failure_leaves_no_traces():
    class Refused(Started):
        def start(self) -> None:
            raise BlockingIOError

    with pytest.raises(BlockingIOError):
        start(Refused(None))
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread():
    found = []

    def work() -> None:
        process = Started(None)
        start(process)
        found.append(process.is_ready)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [True]
