"""Processes that share work, and end with the main process, which alone says what there is to say."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

__all__ = ["open_workers"]


@contextmanager
def open_workers(count: int, begin: Callable[[], None] | None = None) -> Iterator[ProcessPoolExecutor]:
    """Start processes, and end them with the block: at once if it is left by an exception, with what they are at.

    A terminal sends Ctrl-C to all processes that run in it. Workers ignore it, so that an idle one prints no traceback.
    They end by themselves if the main process is killed.

    Args:
        count: How many, 1 or more.
        begin: Called in each process before its first task; None for nothing. A function of a module.

    Yields:
        The executor that hands out the work.
    """
    others = set(multiprocessing.active_children())
    # spawn: a fork would copy the locks of torch's and OpenCV's threads, and is not there on Windows
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin, (begin,)) as executor:
        try:
            with _ignoring_interrupts():
                for _ in range(count):  # a process is started with a task
                    executor.submit(_do_nothing)
            yield executor
        except BaseException:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            # wait: as long as the executor's thread holds its locks, a process that ends leaks them, and Python says so
            executor.shutdown(wait=True, cancel_futures=True)
            raise


def _begin(begin: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _do_nothing() -> None:
    """Have a process started."""


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C. Processes that are started meanwhile inherit it on Linux and macOS: their imports take seconds."""
    if threading.current_thread() is not threading.main_thread():  # which alone may set handlers
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
