"""A run in a terminal: progress output, signal handling, and the number of threads."""

from __future__ import annotations

import json
import os
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
from stcolor_core.heap import keep_freed_memory
from stcolor_core.repeated_warnings import RepeatedWarnings

if TYPE_CHECKING:
    from stcolor_core.bars import tqdm
    from stcolor_core.pipeline.events import Event
    from stcolor_core.pipeline.time_left import TimeLeft

__all__ = [
    "JsonLines",
    "ProgressBar",
    "StopOnSignal",
    "describe_duration",
    "end_at_second_signal",
    "limit_threads",
    "print_line",
]


_STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM]
if sys.platform == "win32":
    _STOP_SIGNALS.append(signal.SIGBREAK)  # sent by render farms


def limit_threads() -> None:
    """Leave resources to other programs: use one thread less than there are cores, and one heap that is used again.

    torch's threads wait for the slowest one in every operation: if another program such as Nuke keeps one core busy,
    one thread per core makes a frame five times slower than leaving a core free. `stcolor_core.heap` sets the heap.
    OMP_NUM_THREADS and the variables of glibc's malloc take precedence. Call this before any thread is started.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        import torch

        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    keep_freed_memory()


class StopOnSignal:
    """Turns Ctrl-C, SIGTERM and, on Windows, Ctrl-Break into a request to stop while the `with` block runs.

    The run checks `requested` between two frames, so that it ends with whole frames.
    """

    def __init__(self) -> None:
        self._requested = False

    def __enter__(self) -> StopOnSignal:
        self._previous = {number: signal.signal(number, self._request) for number in _STOP_SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def requested(self) -> bool:
        """Return whether a signal has arrived."""
        return self._requested

    def _request(self, number: int, stack: FrameType | None) -> None:  # noqa: ARG002  (a signal handler's signature)
        self._requested = True


@contextmanager
def end_at_second_signal() -> Iterator[None]:
    """End the process at once, with one line and exit code 130, when a second stop signal arrives inside the block.

    Python's own handlers run only when the main thread returns from torch or from waiting for a thread. A listener
    thread therefore receives the signals through Python's wake-up socket, which also works on Windows. Partly written
    files are removed. Outside of the main thread this does nothing, because only that thread can set a wake-up socket.

    Yields:
        Nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    receiver, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    previous = signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
    listener = threading.Thread(target=_end_at_second, args=(receiver,), name="signals", daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)
        wakeup.close()
        listener.join()
        receiver.close()


def _end_at_second(receiver: socket.socket) -> None:
    signals = 0
    while numbers := receiver.recv(16):
        signals += sum(number in _STOP_SIGNALS for number in numbers)
        if signals > 1:
            remove_unfinished()
            line = "stcolor: Stopped at once. Finished frames are kept; run again to continue.\n"
            with suppress(OSError):
                os.write(2, (("\n" if os.isatty(2) else "") + line).encode())
            os._exit(130)


def print_line(line: str) -> None:
    """Print a result of a command on standard output.

    Args:
        line: The text, without a line end.
    """
    sys.stdout.write(f"{line}\n")


class JsonLines:
    """Prints every event as one line of JSON on standard output; `with` gives the function that prints."""

    def __enter__(self) -> Callable[[Event], None]:
        return self._write

    def __exit__(self, *exception: object) -> None:
        pass

    @staticmethod
    def _write(event: Event) -> None:
        sys.stdout.write(json.dumps({**asdict(event), "message": one_line(event.message)}) + "\n")
        sys.stdout.flush()


class ProgressBar:
    """Shows events as a progress bar with the warnings above it; `with` gives the function that shows an event.

    tqdm's own estimate counts finished frames alone. Between two keyframes a run first tracks back and finishes none,
    so that the time left comes from the run's own estimate.
    """

    def __init__(self, *, estimate: Callable[[Event], TimeLeft] | None = None) -> None:
        """Prepare the bar; it is shown once the `with` block is entered.

        Args:
            estimate: Returns the estimate of the time left for a run with this event "plan"; None shows no time left.
        """
        self._estimate = estimate
        self._times: TimeLeft | None = None
        self._confidences: list[float] = []

    def __enter__(self) -> Callable[[Event], None]:
        from stcolor_core.bars import tqdm

        self._bar: tqdm[NoReturn] = tqdm(desc="starting", unit="frame", disable=None, dynamic_ncols=True)
        self._warnings = RepeatedWarnings(self._write)
        return self._show

    def __exit__(self, *exception: object) -> None:
        self._warnings.close()
        self._bar.close()

    def _write(self, message: str) -> None:
        self._bar.write(f"stcolor: {one_line(message)}", file=sys.stderr)

    def _show(self, event: Event) -> None:
        if event.kind == "plan" and self._estimate is not None:
            self._times = self._estimate(event)
        if self._times is not None:
            self._times.record(event)
        self._bar.bar_format = self._format()
        self._warnings.take(event)
        if event.kind == "input":
            self._write(event.message)
        elif event.kind == "look":
            what = {"cuts": "searching for scene cuts", "patch": f"carrying the patch of {event.patch}"}
            self._bar.set_description(f"{what.get(event.stage, 'tracking')}: frame {event.frame}")
        elif event.kind == "plan":
            self._bar.reset(total=event.total)
        elif event.kind == "frame":
            self._bar.set_description(f"{'kept' if event.kept else 'wrote'} frame {event.frame}", refresh=False)
            if event.confidence is not None:
                self._confidences.append(event.confidence)
                so_far = sum(self._confidences) / len(self._confidences)
                self._bar.set_postfix(confidence=f"{so_far:.2f}", refresh=False)
            self._bar.update()

    def _format(self) -> str:
        """Return tqdm's format of the bar, with the run's own estimate in place of tqdm's."""
        seconds = None if self._times is None else self._times.seconds()
        left = "" if seconds is None else f" {describe_duration(seconds)} left,"
        return f"{{l_bar}}{{bar}}| {{n_fmt}}/{{total_fmt}} [{{elapsed}},{left} {{rate_fmt}}{{postfix}}]"


def describe_duration(seconds: float) -> str:
    """Return a duration that is not known exactly in words, such as "about 40 s".

    Args:
        seconds: The duration, 0 or more.
    """
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"about {10 * round(seconds / 10)} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min"
