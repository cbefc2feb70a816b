"""A run as a terminal sees it: progress, signals, and manners towards whatever else runs on the machine."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm

    from stcolor_core.pipeline import Event

__all__ = ["Bar", "JsonLines", "StopOnSignal", "share_the_machine"]


_M_ARENA_MAX = -8  # of glibc's malloc.h


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
    """Ctrl-C, SIGTERM and, on Windows, Ctrl-Break ask for a stop between two frames; a second one stops at once."""

    def __init__(self) -> None:
        self._asked = False
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGTERM, self._ask)
        if sys.platform == "win32":
            signal.signal(signal.SIGBREAK, self._ask)  # which is what farms send there

    def asked(self) -> bool:
        return self._asked

    def _ask(self, number: int, stack: FrameType | None) -> None:  # noqa: ARG002  (what signal calls)
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True


class JsonLines:
    """Every event as one JSON object a line."""

    def __enter__(self) -> Callable[[Event], None]:
        return self._write

    def __exit__(self, *exception: object) -> None:
        pass

    @staticmethod
    def _write(event: Event) -> None:
        sys.stdout.write(json.dumps(asdict(event)) + "\n")
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
        if event.kind == "warning":
            self._bar.write(f"stcolor: {event.message}", file=sys.stderr)
        elif event.kind == "input":
            self._bar.write(event.message, file=sys.stderr)
        elif event.kind == "look":
            self._bar.set_description(f"looking at frame {event.frame}")
        elif event.kind == "plan":
            self._bar.reset(total=event.total)
        elif event.kind == "frame":
            self._bar.set_description(f"frame {event.frame}", refresh=False)
            if event.confidence is not None:
                self._bar.set_postfix(confidence=f"{event.confidence:.2f}", refresh=False)
            self._bar.update()
