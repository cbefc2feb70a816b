"""Prefetch: compute the next item on a worker thread while the caller uses the current one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["prefetch"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """Apply a function to every item, in order, one item ahead of the caller.

    The function runs on one worker thread; the items are taken from the iterable on the caller's thread. At most one
    result is computed ahead, so that memory stays flat. Several prefetches in a row make a pipeline.

    Args:
        function: Computes a result from an item. An exception is raised in place of its result.
        items: The items.

    Yields:
        The results. A caller that leaves early waits for the item being computed.
    """
    with ThreadPoolExecutor(max_workers=1) as worker:
        pending: Future[Result] | None = None
        for item in items:
            started = worker.submit(function, item)
            if pending is not None:
                yield pending.result()
            pending = started
        if pending is not None:
            yield pending.result()
