"""Call functions in Nuke's main thread, the only one that may touch nodes, and later from its event loop.

While Nuke renders, its main thread may still run calls and timers. If such a call changes a node, reloads one or starts
a second render, Nuke fails with "I'm already executing something else" or worse. So calls are held back meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import nuke

from ..errors import Busy, Cancelled

__all__ = ["call_later", "forget_waiting", "in_main_thread", "is_rendering", "unless_rendering", "when_idle"]

Result = TypeVar("Result")

_BUSY_SECONDS = 0.25
_TRIES = 240  # one minute; after that the artist has to press the button again


def in_main_thread(function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """Call a function in Nuke's main thread and wait for it; Cancelled if Nuke does not call it because it is closing.

    In the main thread, or without a GUI, the function is called directly. In another thread the call waits while Nuke
    renders.

    Args:
        function: The function to call.
        args: Its positional arguments.
        kwargs: Its keyword arguments.

    Returns:
        What the function returns. An exception of the function is raised here.
    """
    while True:
        returned = _call_in_main_thread(partial(function, *args, **kwargs))
        if returned:
            return returned[0]
        time.sleep(_BUSY_SECONDS)


def unless_rendering(function: Callable[[], object]) -> bool:
    """Call a function in Nuke's main thread, unless Nuke is rendering.

    Args:
        function: The function to call.

    Returns:
        Whether the function was called.
    """
    return bool(_call_in_main_thread(function))


def is_rendering() -> bool:
    """Return whether a Nuke with a GUI is rendering, so that no node may be touched. Main thread only."""
    return bool(nuke.GUI) and bool(nuke.executing())


def when_idle(
    function: Callable[[], object],
    *,
    give_up: Callable[[Busy], object] = lambda _: None,
    waiting: Callable[[], object] = lambda: None,
    key: Hashable = None,
) -> None:
    """Call a function now, or from the event loop as soon as Nuke is not rendering. Main thread only.

    Functions that wait are called in the order in which they came.

    Args:
        function: The function to call. If it raises Busy, it is called again.
        give_up: Called with the last Busy if Nuke is still rendering after a minute.
        waiting: Called at once if the function has to wait, for example to tell the artist.
        key: The function replaces a waiting one with the same key, so that a second click does nothing twice.

    Raises:
        Busy: If Nuke is rendering and has no GUI, because no event loop could call the function later.
    """
    call = _WaitingCall(function, give_up, key)
    if not _waiting_calls or not nuke.GUI:
        try:
            call.attempt()
        except Busy:
            if not nuke.GUI:
                raise
        else:
            return
    _let_wait(call)
    waiting()


def call_later(function: Callable[[], object], *, key: Hashable = None) -> None:
    """Call a function from the event loop as soon as Nuke is not rendering, never at once. Main thread of a GUI only.

    It is for a callback of Nuke in which the script must not be changed.

    Args:
        function: The function to call.
        key: The function replaces a waiting one with the same key.
    """
    _let_wait(_WaitingCall(function, lambda _: None, key))


def forget_waiting() -> None:
    """Drop the functions that wait, because the script that they are for is closed. Main thread only."""
    _waiting_calls.clear()


@dataclass(eq=False)
class _WaitingCall:
    """A function that waits until Nuke is not rendering, and the number of further tries."""

    function: Callable[[], object]
    give_up: Callable[[Busy], object]
    key: Hashable
    tries: int = _TRIES

    def attempt(self) -> None:
        if is_rendering():
            raise Busy("Nuke is rendering something else. Wait for it, then try again.")
        self.function()


def _let_wait(call: _WaitingCall) -> None:
    """Add a call to those that wait, in place of one with the same key."""
    timer_runs = bool(_waiting_calls)
    _waiting_calls[:] = [other for other in _waiting_calls if call.key is None or other.key != call.key]
    _waiting_calls.append(call)
    if not timer_runs:
        _start_timer(0)


_waiting_calls: list[_WaitingCall] = []  # in the order in which they came; a timer runs while there are any


def _call_waiting() -> None:
    """Call the functions that wait, in their order, until one is busy."""
    try:
        while _waiting_calls:
            call = _waiting_calls[0]
            try:
                call.attempt()
            except Busy as error:
                _count_try(error.with_traceback(None))
                return
            except BaseException:
                _forget(call)
                raise
            _forget(call)
    finally:
        if _waiting_calls:
            _start_timer(round(1000 * _BUSY_SECONDS))


def _count_try(error: Busy) -> None:
    """Count a try for every function that waits, and give up those that have no more."""
    for call in tuple(_waiting_calls):
        call.tries -= 1
        if call.tries < 0:
            _forget(call)
            call.give_up(error)


def _forget(call: _WaitingCall) -> None:
    if call in _waiting_calls:  # a call with the same key may have replaced it
        _waiting_calls.remove(call)


def _start_timer(milliseconds: int) -> None:
    from .qt import QtCore

    QtCore.QTimer.singleShot(milliseconds, _call_waiting)


def _call_in_main_thread(function: Callable[[], Result]) -> list[Result]:
    """Return what the function returned as the only item; empty if Nuke is rendering."""
    if not nuke.GUI or threading.current_thread() is threading.main_thread():
        return [function()]
    returned: list[Result] = []
    raised: list[BaseException] = []
    rendering: list[bool] = []

    def call() -> None:
        try:
            rendering.append(is_rendering())
            if not rendering[0]:
                returned.append(function())
        except BaseException as error:  # noqa: BLE001  (raised again in the calling thread; Nuke would swallow it)
            raised.append(error)

    nuke.executeInMainThreadWithResult(call)
    if raised:
        try:
            raise raised[0]
        finally:
            raised.clear()  # breaks the reference cycle of error, stack frames and this list
    if not rendering:
        raise Cancelled("Nuke is closing. Frames that were finished are on disk.")
    return returned
