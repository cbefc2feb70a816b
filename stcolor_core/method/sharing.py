"""Independent pieces of one operation, shared with a core that would wait.

On two cores torch has one thread: a second one of OpenMP would wait at the end of every operation while another program
keeps its core busy, and does nothing for the other stages of a run meanwhile. Here a second thread takes piece by piece
only while there is one to take.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["share"]

Item = TypeVar("Item")

_helper = ThreadPoolExecutor(1, "sharing")  # one for the process: operations of several stages take turns


def share(function: Callable[[Item], object], items: Iterable[Item]) -> None:
    """Call a function with each item, in this thread and, if it is free, in a second one; return when all are done.

    If torch itself has several threads, all calls are in this one. A call may share pieces of its own.

    Args:
        function: Called once with each item, in any order. After an exception no further call begins; it is raised.
        items: The items.
    """
    left = deque(items)

    def take() -> None:
        while left:
            try:
                item = left.popleft()
            except IndexError:  # the other thread took the last
                return
            function(item)

    if len(left) < 2 or torch.get_num_threads() > 1:
        take()
        return
    gradients = torch.is_grad_enabled()  # torch's setting is one of each thread

    def help_out() -> None:
        with torch.set_grad_enabled(gradients):
            take()

    helping = _helper.submit(help_out)
    try:
        take()
    finally:
        left.clear()
        if not helping.cancel():  # it is at work; if it had not begun, it was busy elsewhere, and nothing is left
            helping.result()
