"""The one way from another thread to Nuke's main thread, which alone may touch nodes, and to a later turn of it.

While Nuke renders something, its main thread may still serve calls and timers. A node that is changed or read again
then, or a second render, ends in "I'm already executing something else" or worse; so such calls are held.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import nuke

from ..errors import Busy, Cancelled

__all__ = ["in_main_thread", "is_rendering", "unless_rendering", "when_idle"]

Result = TypeVar("Result")

_BUSY_SECONDS = 0.25
_TRIES = 240  # a minute: then the artist presses again


def in_main_thread(function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """What `function` returns, or the exception it raises, called in Nuke's main thread; waits for it.

    Called at once where this is the main thread already, or where Nuke has no GUI: there is no other thread that could
    be waited for. From another thread it is held while Nuke renders. Raises Cancelled where Nuke did not call it, as
    when it is closing.
    """
    while True:
        returned = _called(partial(function, *args, **kwargs))
        if returned:
            return returned[0]
        time.sleep(_BUSY_SECONDS)


def unless_rendering(function: Callable[[], object]) -> bool:
    """As `in_main_thread`, but nothing is called while Nuke renders; whether it was."""
    return bool(_called(function))


def is_rendering() -> bool:
    """Whether a Nuke with a GUI is at a render, and no node is to be touched. Main thread only."""
    return bool(nuke.GUI) and bool(nuke.executing())


def when_idle(
    function: Callable[[], object], *, give_up: Callable[[Busy], object] = lambda _: None, tries: int = _TRIES
) -> None:
    """Call `function` now, or from the event loop once Nuke renders nothing else. Main thread only.

    It may raise Busy, and is then called again. Without a GUI that goes up, since nobody would wait. give_up: gets the
    last Busy after so many tries.
    """
    try:
        if is_rendering():
            raise Busy("Nuke is rendering something else. Wait for it, then try again.")
        function()
    except Busy as error:
        if not nuke.GUI:
            raise
        if tries <= 0:
            give_up(error.with_traceback(None))
            return
        from .qt import QtCore

        again = partial(when_idle, function, give_up=give_up, tries=tries - 1)
        QtCore.QTimer.singleShot(0 if tries == _TRIES else round(1000 * _BUSY_SECONDS), again)


def _called(function: Callable[[], Result]) -> list[Result]:
    """What was returned, as the only item; nothing where Nuke renders."""
    if not nuke.GUI or threading.current_thread() is threading.main_thread():
        return [function()]
    returned: list[Result] = []
    raised: list[BaseException] = []
    held: list[bool] = []

    def call() -> None:
        try:
            held.append(is_rendering())
            if not held[0]:
                returned.append(function())
        except BaseException as error:  # noqa: BLE001  (raised again where it was asked for; Nuke would swallow it)
            raised.append(error)

    nuke.executeInMainThreadWithResult(call)
    if raised:
        try:
            raise raised[0]
        finally:
            raised.clear()  # else error, frames and this list hold one another
    if not held:
        raise Cancelled("Nuke is closing. What was finished is on disk.")
    return returned
