"""The one way from another thread to Nuke's main thread, which alone may touch nodes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import nuke

from .errors import Cancelled

__all__ = ["in_main_thread"]

Result = TypeVar("Result")


def in_main_thread(function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """What `function` returns, or the exception it raises, called in Nuke's main thread; waits for it.

    Called at once where this is the main thread already, or where Nuke has no GUI: there is no other thread that could
    be waited for. Raises Cancelled where Nuke did not call it, as when it is closing.
    """
    if not nuke.GUI or threading.current_thread() is threading.main_thread():
        return function(*args, **kwargs)
    returned: list[Result] = []
    raised: list[BaseException] = []

    def call() -> None:
        try:
            returned.append(function(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  (raised again where it was asked for; Nuke would swallow it)
            raised.append(error)

    nuke.executeInMainThreadWithResult(call)
    if raised:
        try:
            raise raised[0]
        finally:
            raised.clear()  # else error, frames and this list hold one another
    if not returned:
        raise Cancelled("Nuke is closing. What was finished is on disk.")
    return returned[0]
