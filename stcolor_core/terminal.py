"""A run as a terminal sees it: progress, signals, and manners towards whatever else runs on the machine."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from stcolor_core.errors import one_line
from stcolor_core.files.atomic import remove_unfinished

if TYPE_CHECKING:
    from tqdm import tqdm

    from stcolor_core.pipeline.run import Event

__all__ = ["Bar", "JsonLines", "StopOnSignal", "end_at_second_signal", "share_the_machine"]


_M_ARENA_MAX = -8  # of glibc's malloc.h
_STOPS = [signal.SIGINT, signal.SIGTERM]
if sys.platform == "win32":
    _STOPS.append(signal.SIGBREAK)  # which is what farms send there


def share_the_machine() -> None:
    """Leave room for what else runs here: one thread less than there are cores, and one heap for all threads.

    torch's threads wait for the slowest of them at every step: where Nuke or anything else keeps a core busy, a thread
    for every core made a frame five times slower than leaving one free. glibc gives every thread a heap of its own, and
    each keeps what it has freed: one heap halves the memory of a pipeline of threads, and costs no time
    (benchmarks/README.md). OMP_NUM_THREADS and MALLOC_ARENA_MAX say otherwise where they are set. Call it before
    threads are begun.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        import torch

        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    if "MALLOC_ARENA_MAX" not in os.environ and platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


class StopOnSignal:
    """Ctrl-C, SIGTERM and, on Windows, Ctrl-Break ask for a stop between two frames while the `with` block runs."""

    def __init__(self) -> None:
        self._asked = False

    def __enter__(self) -> StopOnSignal:
        self._before = {number: signal.signal(number, self._ask) for number in _STOPS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def asked(self) -> bool:
        return self._asked

    def _ask(self, number: int, stack: FrameType | None) -> None:  # noqa: ARG002  (what signal calls)
        self._asked = True


@contextmanager
def end_at_second_signal() -> Iterator[None]:
    """While the block runs, a second Ctrl-C or the like ends the process at once, with one line and the code 130.

    Python's own handlers wait until the main thread comes back from torch or from waiting for a thread. So signals are
    heard in a thread beside, through the socket that Python tells of them right away; that also works on Windows.
    What is half-written is removed. Does nothing in another thread than the main one, which alone may be told.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, told = socket.socketpair()
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    listener = threading.Thread(target=_end_at_second, args=(heard,), name="signals", daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        told.close()
        listener.join()
        heard.close()


def _end_at_second(heard: socket.socket) -> None:
    signals = 0
    while numbers := heard.recv(16):
        signals += sum(number in _STOPS for number in numbers)
        if signals > 1:
            remove_unfinished()
            line = "stcolor: Stopped at once. What is finished is kept; run again to go on.\n"
            with suppress(OSError):
                os.write(2, (("\n" if os.isatty(2) else "") + line).encode())
            os._exit(130)


class JsonLines:
    """Every event as one JSON object a line."""

    def __enter__(self) -> Callable[[Event], None]:
        return self._write

    def __exit__(self, *exception: object) -> None:
        pass

    @staticmethod
    def _write(event: Event) -> None:
        sys.stdout.write(json.dumps({**asdict(event), "message": one_line(event.message)}) + "\n")
        sys.stdout.flush()


class Bar:
    """A progress bar on a terminal; warnings above it."""

    def __enter__(self) -> Callable[[Event], None]:
        from tqdm import tqdm

        self._bar: tqdm[NoReturn] = tqdm(unit="frame", disable=None, dynamic_ncols=True)
        return self._show

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def _show(self, event: Event) -> None:
        if event.kind == "warning" or event.kind == "input":
            self._bar.write(f"stcolor: {one_line(event.message)}", file=sys.stderr)
        elif event.kind == "look":
            self._bar.set_description(f"looking at frame {event.frame}")
        elif event.kind == "plan":
            self._bar.reset(total=event.total)
        elif event.kind == "frame":
            self._bar.set_description(f"frame {event.frame}", refresh=False)
            if event.confidence is not None:
                self._bar.set_postfix(confidence=f"{event.confidence:.2f}", refresh=False)
            self._bar.update()
